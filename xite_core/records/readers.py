"""Read examples from a file, in chunks, with errors that name the line or row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from xite_core.errors import InputError, RowError
from xite_core.records.bad_rows import BadRows
from xite_core.records.parsing import FIELDS, RawRow, Wanted, parse_row
from xite_core.records.tables import dataset_count, dataset_rows, parquet_count, parquet_rows
from xite_core.records.text_files import csv_rows, jsonl_rows
from xite_core.types import Example

CHUNK = 1024
FORMATS = ".jsonl, .ndjson, .csv, .parquet, or the directory of a Hugging Face dataset"

Check = Callable[[Example], "str | None"]
RowSource = Callable[[Path, Wanted], Iterator["RawRow | RowError"]]
_BY_SUFFIX: Mapping[str, RowSource] = {
    ".jsonl": jsonl_rows,
    ".ndjson": jsonl_rows,
    ".csv": csv_rows,
    ".parquet": parquet_rows,
}


def read_examples(
    path: Path,
    *,
    labeled: bool,
    chunk: int = CHUNK,
    columns: Mapping[str, str] | None = None,
    lang: str | None = None,
    bad_rows: BadRows | None = None,
    check: Check | None = None,
) -> Iterator[list[Example]]:
    """Stream the examples of a file in constant memory.

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
    bad_rows : BadRows, optional
        Takes the rows that cannot be used; without it the first of them is an error.
    check : callable, optional
        As for `scan_examples`.

    Yields
    ------
    list of Example
        ``chunk`` of them, fewer at the end.

    Raises
    ------
    InputError
        If the file is missing, empty, of unknown format, cut off, or lacks a column, or no row can be used.
    RowError
        At the first row that cannot be used; names the line or row and what would be right.
    """
    rows: list[Example] = []
    good = 0
    for row in scan_examples(path, labeled=labeled, columns=columns, check=check):
        if isinstance(row, RowError):
            if bad_rows is None:
                raise row
            bad_rows.add(row)
            continue
        rows.append(row if lang is None or row.lang is not None else replace(row, lang=lang))
        good += 1
        if len(rows) == chunk:
            yield rows
            rows = []
    if rows:
        yield rows
    if not good:
        raise InputError(f"{path}: none of its rows can be used")


def scan_examples(
    path: Path,
    *,
    labeled: bool,
    columns: Mapping[str, str] | None = None,
    check: Check | None = None,
) -> Iterator[Example | RowError]:
    """Stream a file row by row; one that cannot be used is given as the error that names it, and the scan goes on.

    Parameters
    ----------
    path, labeled, columns
        As for `read_examples`.
    check : callable, optional
        A further condition on rows that can be read: says what is wrong with one, or ``None``.

    Raises
    ------
    InputError
        If the file as a whole cannot be read.
    """
    unknown = sorted(set(columns or {}) - set(FIELDS))
    if unknown:
        raise InputError(f"no field {unknown[0]!r} to name a column for; there are {', '.join(FIELDS)}")
    wanted, empty = Wanted(labeled, columns or {}), True
    try:
        for raw in _source(path)(path, wanted):
            empty = False
            yield raw if isinstance(raw, RowError) else _checked(raw, wanted, check)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if empty:
        raise InputError(f"{path}: no rows; expected at least one with a 'text'")


def find_problems(
    path: Path, *, labeled: bool, columns: Mapping[str, str] | None = None, limit: int = 100
) -> list[RowError]:
    """Collect rows that cannot be used, for a validation report; goes on after a bad one.

    Parameters
    ----------
    path, labeled, columns
        As for `read_examples`.
    limit : int
        Problems at most.

    Raises
    ------
    InputError
        If the file as a whole cannot be read.
    """
    found: list[RowError] = []
    for row in scan_examples(path, labeled=labeled, columns=columns):
        if isinstance(row, RowError):
            found.append(row)
            if len(found) == limit:
                break
    return found


def count_rows(path: Path) -> int | None:
    """Tell about how many rows a file has, for a progress bar; ``None`` where that cannot be told cheaply."""
    if path.is_dir():
        return dataset_count(path)
    if path.suffix.lower() == ".parquet":
        return parquet_count(path)
    try:
        with path.open("rb") as handle:
            return sum(block.count(b"\n") for block in iter(lambda: handle.read(1 << 20), b"")) or None
    except OSError:
        return None


def _checked(raw: RawRow, wanted: Wanted, check: Check | None) -> Example | RowError:
    row = parse_row(raw, wanted)
    problem = check(row) if check is not None and isinstance(row, Example) else None
    return row if problem is None else RowError(raw.where, raw.number, problem, raw.unit)


def _source(path: Path) -> RowSource:
    if path.is_dir():
        return dataset_rows
    if not path.exists():
        raise InputError(f"{path}: no such file")
    try:
        return _BY_SUFFIX[path.suffix.lower()]
    except KeyError:
        raise InputError(f"{path}: unknown format {path.suffix!r}; expected {FORMATS}") from None
