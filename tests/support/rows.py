"""Files of rows, and reading them whole."""

from __future__ import annotations

from pathlib import Path

from xite_core.records.readers import read_examples
from xite_core.types import Example


def read(path: Path, *, labeled: bool = True, **options: object) -> list[Example]:
    """All examples of a file."""
    return [example for chunk in read_examples(path, labeled=labeled, **options) for example in chunk]  # type: ignore[arg-type]


def csv_file(folder: Path, content: str | bytes) -> Path:
    """A CSV file with this content."""
    path = folder / "rows.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
