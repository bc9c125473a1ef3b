"""The reference pool of a build: the shipped texts and the user's own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from xite_core.records.readers import read_examples
from xite_core.reference import reference_texts
from xite_core.types import Example

ROWS = 20_000
"""Rows read of a pool file; the pool itself is a sample of them."""


def reference_pool(files: Mapping[str, Path]) -> dict[str, Sequence[Example]]:
    """The shipped reference texts, with the user's own in place of them where given."""
    pool: dict[str, Sequence[Example]] = {**reference_texts()}
    for language, file in files.items():
        rows: list[Example] = []
        for chunk in read_examples(file, labeled=False, lang=language):
            rows += chunk
            if len(rows) >= ROWS:
                break
        pool[language] = rows
    return pool
