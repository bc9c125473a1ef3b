"""Read examples from a file, in chunks, with errors that name the line or row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from xite_core.errors import InputError, RowError
from xite_core.records.parsing import RawRow, parse_row
from xite_core.records.tables import dataset_rows, parquet_count, parquet_rows
from xite_core.records.text_files import csv_rows, jsonl_rows
from xite_core.types import Example

CHUNK = 1024
FORMATS = ".jsonl, .ndjson, .csv, .parquet, or the directory of a Hugging Face dataset"

RowSource = Callable[[Path], Iterator["RawRow | RowError"]]
_BY_SUFFIX: Mapping[str, RowSource] = {
    ".jsonl": jsonl_rows,
    ".ndjson": jsonl_rows,
    ".csv": csv_rows,
    ".parquet": parquet_rows,
}


def _source(path: Path) -> RowSource:
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        return dataset_rows
    try:
        return _BY_SUFFIX[path.suffix.lower()]
    except KeyError:
        raise InputError(f"{path}: unknown format {path.suffix!r}; expected {FORMATS}") from None


def _parsed(path: Path, labeled: bool, columns: Mapping[str, str]) -> Iterator[Example | RowError]:
    empty = True
    for raw in _source(path)(path):
        empty = False
        yield raw if isinstance(raw, RowError) else parse_row(raw, labeled, columns)
    if empty:
        raise InputError(f"{path}: no rows; expected at least one with a 'text'")


def read_examples(
    path: Path,
    *,
    labeled: bool,
    chunk: int = CHUNK,
    columns: Mapping[str, str] | None = None,
    lang: str | None = None,
) -> Iterator[list[Example]]:
    """Stream the examples of a file.

    Parameters
    ----------
    path : Path
        JSONL, CSV, Parquet, or a Hugging Face dataset directory; the suffix decides.
    labeled : bool
        Whether every row needs a ``label``; otherwise labels are ignored.
    chunk : int
        Rows at a time.
    columns : mapping of str to str, optional
        The file's name for ``text``, ``text_pair``, ``label``, ``id`` or ``lang``.
    lang : str, optional
        Language of rows that state none.

    Raises
    ------
    InputError
        If the file is missing, empty, of unknown format, cut off, or lacks a column.
    RowError
        At the first row that cannot be used; names the line or row and what would be right.
    """
    rows: list[Example] = []
    for row in _parsed(path, labeled, columns or {}):
        if isinstance(row, RowError):
            raise row
        if lang is not None and row.lang is None:
            row = Example(row.text, row.text_pair, row.label, row.id, lang)
        rows.append(row)
        if len(rows) == chunk:
            yield rows
            rows = []
    if rows:
        yield rows


def find_problems(path: Path, *, labeled: bool, columns: Mapping[str, str] | None = None, limit: int = 100) -> list[RowError]:
    """The first ``limit`` rows that cannot be used, for a validation report; does not stop at the first.

    Raises
    ------
    InputError
        If the file as a whole cannot be read.
    """
    found: list[RowError] = []
    for row in _parsed(path, labeled, columns or {}):
        if isinstance(row, RowError):
            found.append(row)
            if len(found) == limit:
                break
    return found


def count_rows(path: Path) -> int | None:
    """About how many rows a file has, for a progress bar; ``None`` where it cannot be told cheaply."""
    if not path.is_file():
        return None
    if path.suffix.lower() == ".parquet":
        return parquet_count(path)
    with path.open("rb") as handle:
        return sum(block.count(b"\n") for block in iter(lambda: handle.read(1 << 20), b"")) or None
