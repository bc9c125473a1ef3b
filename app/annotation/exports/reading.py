"""Rows of what ``xite augment`` wrote: one a text, without vectors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.annotation.exports.formats import COLUMNS, Row
from xite_core.errors import InputError, RowError

_READ = (*COLUMNS, "draw")


def augmented_rows(path: Path) -> Iterator[Row]:
    """Stream the texts of an augmented file; further draws of a text are left out.

    Parameters
    ----------
    path : Path
        Parquet, JSONL, or a dataset directory, as ``xite augment`` or an augment job wrote it.

    Raises
    ------
    InputError
        If it is no such file.
    RowError
        If a line of it is no such row.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        rows = _dataset(path)
    elif path.suffix.lower() == ".parquet":
        rows = _parquet(path)
    elif path.suffix.lower() in (".jsonl", ".ndjson"):
        rows = _lines(path)
    else:
        raise InputError(f"{path}: expected what xite augment wrote as .parquet, .jsonl or dataset directory")
    for row in rows:
        if row["draw"] in (None, 0):
            yield row


def _parquet(path: Path) -> Iterator[Row]:
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow.names)
            for batch in file.iter_batches(1024, columns=list(_READ)):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise InputError(f"{path}: not a whole Parquet file ({error})") from error


def _dataset(path: Path) -> Iterator[Row]:
    files = sorted(path.glob("data-*.arrow"))
    if not files:
        raise InputError(f"{path}: not a dataset directory; expected data-*.arrow in it")
    for file in files:
        try:
            with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as reader:
                _check_columns(path, reader.schema.names)
                for batch in reader:
                    yield from batch.select(list(_READ)).to_pylist()
        except pa.ArrowException as error:
            raise InputError(f"{path}: not a whole dataset ({error})") from error


def _lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row: Any = json.loads(line)
            except ValueError as error:
                raise RowError(path.name, number, f"not JSON ({error})") from error
            missing = sorted(set(_READ) - set(row)) if isinstance(row, dict) else ["text"]
            if missing:
                raise RowError(path.name, number, f"lacks {missing[0]!r}; expected a row as xite augment writes it")
            yield row


def _check_columns(path: Path, names: list[str]) -> None:
    missing = sorted(set(_READ) - set(names))
    if missing:
        raise InputError(f"{path}: lacks the column {missing[0]!r}; expected what xite augment writes")
