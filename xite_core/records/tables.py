"""Rows of Parquet files and of Hugging Face dataset directories, by pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from xite_core.errors import InputError
from xite_core.records.parsing import FIELDS, RawRow

_BATCH = 1024


def parquet_rows(path: Path) -> Iterator[RawRow]:
    """Rows of a Parquet file, batch by batch."""
    try:
        file = pq.ParquetFile(path)
        names = _usable(file.schema_arrow)
        batches = file.iter_batches(_BATCH, columns=names)
        yield from _numbered(path.name, batches, {})
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a whole Parquet file ({_first_line(error)})") from error


def parquet_count(path: Path) -> int | None:
    """Rows of a Parquet file by its footer; ``None`` where that cannot be read."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return None


def dataset_rows(path: Path) -> Iterator[RawRow]:
    """Rows of a dataset that ``datasets.save_to_disk`` wrote; a label that is a class number becomes its name."""
    info = _json(path / "dataset_info.json")
    state = _json(path / "state.json")
    if info is None or state is None:
        splits = sorted(child.parent.name for child in path.glob("*/dataset_info.json"))
        hint = f"; it holds the splits {', '.join(splits)}: name one, as {path / splits[0]}" if splits else ""
        raise InputError(f"{path}: not a Hugging Face dataset directory (dataset_info.json and state.json){hint}")
    names = {
        column: feature["names"]
        for column, feature in (info.get("features") or {}).items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }
    files = [path / Path(entry["filename"]).name for entry in state.get("_data_files", [])]
    try:
        yield from _numbered(path.name, _dataset_batches(files), names)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a whole dataset ({_first_line(error)})") from error


def _dataset_batches(files: list[Path]) -> Iterator[pa.RecordBatch]:
    for file in files:
        with pa.memory_map(str(file)) as source:
            reader = pa.ipc.open_stream(source)
            _usable(reader.schema)
            for batch in reader:
                for start in range(0, batch.num_rows, _BATCH):
                    yield batch.slice(start, _BATCH)


def _usable(schema: pa.Schema) -> list[str]:
    """Columns without nested values or bytes, which no field of an example can be."""
    return [field.name for field in schema if not pa.types.is_nested(field.type) or field.name in FIELDS]


def _numbered(where: str, batches: Iterable[pa.RecordBatch], names: dict[str, list[str]]) -> Iterator[RawRow]:
    number = 0
    for batch in batches:
        for cells in batch.to_pylist():
            number += 1
            yield RawRow(where, number, "row", _named(cells, names))


def _named(cells: dict[str, Any], names: dict[str, list[str]]) -> dict[str, Any]:
    for column, classes in names.items():
        code = cells.get(column)
        if isinstance(code, int) and 0 <= code < len(classes):
            cells[column] = classes[code]
    return cells


def _json(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text("utf8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
