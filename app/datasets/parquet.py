"""What a Parquet file says of itself, looked at before any of its data is decoded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from xite_core.errors import InputError
from xite_core.records.parsing import FIELDS
from xite_core.records.tables import DECODER_ERRORS

ROW_GROUP_BYTES = 512 * 2**20
"""Decoded size of one row group's columns, at most: a group is what is held in memory."""

FOOTER_ITEMS = 200_000
FOOTER_BYTES = 16 * 2**20


def check_parquet(path: Path, columns: Mapping[str, str], *, max_rows: int, max_bytes: int) -> None:
    """Refuse a file that would decode to too much, or whose columns hold something other than text and numbers.

    Parameters
    ----------
    path : Path
        The file.
    columns : mapping of str to str
        The file's names of the fields, where they differ.
    max_rows, max_bytes : int
        Rows, and decoded bytes of the columns that are read.

    Raises
    ------
    InputError
        Says what is too large and what would be right.
    """
    wanted = {columns.get(field, field) for field in FIELDS}
    try:
        with pq.ParquetFile(
            path, thrift_string_size_limit=FOOTER_BYTES, thrift_container_size_limit=FOOTER_ITEMS
        ) as file:
            _check_columns(file.schema_arrow, wanted)
            _check_sizes(file.metadata, wanted, max_rows, max_bytes)
    except DECODER_ERRORS as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"not a whole Parquet file ({first})") from error


def _check_columns(schema: pa.Schema, wanted: set[str]) -> None:
    names = [name for name in schema.names if name in wanted]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"the column {name!r} is there twice")
        kind = schema.field(name).type
        if not _is_plain(kind.value_type if pa.types.is_dictionary(kind) else kind):
            raise InputError(f"the column {name!r} is of type {str(kind)[:100]}, expected strings (or numbers)")


def _is_plain(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)


def _check_sizes(metadata: Any, wanted: set[str], max_rows: int, max_bytes: int) -> None:
    if metadata.num_rows > max_rows:
        raise InputError(f"{metadata.num_rows:,} rows, at most {max_rows:,}; split the file")
    total = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = (group.column(i) for i in range(group.num_columns))
        size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in wanted)
        if size > ROW_GROUP_BYTES:
            limit = f"at most {ROW_GROUP_BYTES:,}; write it with smaller row groups"
            raise InputError(f"row group {number + 1} decodes to {size:,} bytes, {limit}")
        total += size
    if total > max_bytes:
        raise InputError(f"decodes to {total:,} bytes, at most {max_bytes:,}; split the file")
