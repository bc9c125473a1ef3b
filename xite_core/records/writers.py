"""Write Arrow batches as Parquet, JSONL, CSV or a Hugging Face dataset directory, atomically."""

from __future__ import annotations

import csv
import json
import math
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from xite_core.errors import InputError, StorageError
from xite_core.storage import atomic_directory, atomic_file

FORMATS = ".parquet, .jsonl, .csv, or no suffix for a Hugging Face dataset directory"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_batches(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write all batches under one name; a reader sees the whole file or none.

    Parameters
    ----------
    path : Path
        The suffix decides the format; no suffix means a dataset directory, which must not exist yet.
    schema : pyarrow.Schema
        Of every batch.
    batches : iterable of pyarrow.RecordBatch
        Read once.

    Raises
    ------
    InputError
        If the suffix is unknown or the folder does not exist.
    StorageError
        If the disk refuses.
    """
    check_target(path)
    if not path.suffix:
        _write_dataset(path, schema, batches)
        return
    with atomic_file(path) as temporary:
        _BY_SUFFIX[path.suffix.lower()](temporary, schema, batches)


def check_target(path: Path) -> None:
    """Refuse a target that cannot be written, before any work is done.

    Raises
    ------
    InputError
        If the suffix is unknown or the folder does not exist.
    StorageError
        If a dataset directory of that name exists.
    """
    if path.suffix and path.suffix.lower() not in _BY_SUFFIX:
        raise InputError(f"{path}: unknown format {path.suffix!r}; expected {FORMATS}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise StorageError(path, "a directory of that name exists; remove it or choose another name")


def _write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_jsonl(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    with path.open("w", encoding="utf8") as handle:
        for batch in batches:
            handle.writelines(_json(row) + "\n" for row in batch.to_pylist())


def _write_csv(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    with path.open("w", encoding="utf8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(schema.names)
        for batch in batches:
            writer.writerows([_cell(row[name]) for name in schema.names] for row in batch.to_pylist())


def _cell(value: Any) -> Any:
    """Give lists as JSON; a text that a spreadsheet would run as a formula gets an apostrophe in front."""
    if isinstance(value, list | dict):
        return _json(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value


def _json(value: Any) -> str:
    """Give a value as JSON, which has no NaN: such a number becomes null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_dataset(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write the layout that ``datasets.load_from_disk`` opens: one Arrow stream file and two JSON files."""
    with atomic_directory(path) as directory:
        data = "data-00000-of-00001.arrow"
        with pa.ipc.new_stream(str(directory / data), schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        info = {"citation": "", "description": "", "features": _features(schema), "homepage": "", "license": ""}
        state: dict[str, Any] = {
            "_data_files": [{"filename": data}],
            "_fingerprint": secrets.token_hex(8),
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        }
        (directory / "dataset_info.json").write_text(json.dumps(info, indent=1), "utf8")
        (directory / "state.json").write_text(json.dumps(state, indent=1), "utf8")


def _features(schema: pa.Schema) -> dict[str, Any]:
    return {field.name: _feature(field.type) for field in schema}


def _feature(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    names = {
        pa.string(): "string",
        pa.float32(): "float32",
        pa.int32(): "int32",
        pa.int64(): "int64",
        pa.bool_(): "bool",
    }
    return {"dtype": names[kind], "_type": "Value"}


_Writer = Callable[[Path, pa.Schema, Iterable[pa.RecordBatch]], None]
_BY_SUFFIX: Mapping[str, _Writer] = {
    ".parquet": _write_parquet,
    ".jsonl": _write_jsonl,
    ".ndjson": _write_jsonl,
    ".csv": _write_csv,
}
