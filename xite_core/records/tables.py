"""Rows of Parquet files and of Hugging Face dataset directories, by pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from xite_core.errors import InputError, RowError
from xite_core.records.parsing import RawRow, Wanted

DECODER_ERRORS = (pa.ArrowException, OSError, ValueError, LookupError, ArithmeticError, RuntimeError)
"""What a damaged file makes a decoder raise; names that are no UTF-8, for one, are found as late as they are read."""

_BATCH = 1024


def parquet_rows(path: Path, wanted: Wanted) -> Iterator[RawRow | RowError]:
    """Read a Parquet file batch by batch, only the columns that are wanted.

    Raises
    ------
    InputError
        If it is not a whole Parquet file or lacks a column.
    """
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            found: list[str] = file.schema_arrow.names
            wanted.check_header(path, found)
            names = [name for name in wanted.names().values() if name in found]
            for batch in file.iter_batches(_BATCH, columns=names):
                yield from _rows(path.name, number, batch, names, {})
                number += batch.num_rows
    except DECODER_ERRORS as error:
        raise InputError(f"{path}: not a whole Parquet file, after row {number} ({_first_line(error)})") from error


def parquet_count(path: Path) -> int | None:
    """Count the rows of a Parquet file by its footer; ``None`` where that cannot be read."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except DECODER_ERRORS:
        return None


def dataset_rows(path: Path, wanted: Wanted) -> Iterator[RawRow | RowError]:
    """Read a dataset that ``datasets`` saved with ``save_to_disk``; class numbers become their names.

    A directory of several splits is read if there is only one.

    Raises
    ------
    InputError
        If it is no such directory, a file is missing or cut short, or a column is missing.
    """
    path = _single_split(path)
    info, files = _dataset_files(path)
    classes = _class_names(info)
    number = 0
    try:
        for file in files:
            with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as reader:
                wanted.check_header(path, reader.schema.names)
                names = [name for name in wanted.names().values() if name in reader.schema.names]
                for batch in reader:
                    for start in range(0, batch.num_rows, _BATCH):
                        yield from _rows(path.name, number + start, batch.slice(start, _BATCH), names, classes)
                    number += batch.num_rows
    except DECODER_ERRORS as error:
        raise InputError(f"{path}: not a whole dataset, after row {number} ({_first_line(error)})") from error


def dataset_count(path: Path) -> int | None:
    """Count the rows of a dataset directory by its batches' headers; ``None`` where that cannot be read."""
    try:
        total = 0
        for file in _dataset_files(_single_split(path))[1]:
            with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as reader:
                total += sum(batch.num_rows for batch in reader)
        return total
    except (InputError, *DECODER_ERRORS):
        return None


def _rows(
    where: str, before: int, batch: Any, names: Sequence[str], classes: Mapping[str, Sequence[str]]
) -> Iterator[RawRow | RowError]:
    """Rows of a batch of which ``before`` rows came earlier."""
    columns = [_cells(batch.column(name)) for name in names]
    for offset, values in enumerate(zip(*columns, strict=True), start=1):
        cells = dict(zip(names, values, strict=True))
        bad = next((name for name, value in cells.items() if isinstance(value, UnicodeDecodeError)), None)
        if bad is not None:
            yield RowError(where, before + offset, f"{bad!r} is not valid UTF-8", "row")
            continue
        for name, labels in classes.items():
            code = cells.get(name)
            if isinstance(code, int):  # -1 is how datasets without labels mark that
                cells[name] = labels[code] if 0 <= code < len(labels) else None
        yield RawRow(where, before + offset, "row", cells)


def _cells(column: Any) -> list[Any]:
    """Values of a column; those that are no valid text as the error they raise."""
    try:
        values: list[Any] = column.to_pylist()
        return values
    except UnicodeDecodeError:
        return [_cell(scalar) for scalar in column]


def _cell(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        return error


def _single_split(path: Path) -> Path:
    """Find the dataset's own directory: the one given, or its only split."""
    splits = sorted(child.parent.name for child in path.glob("*/dataset_info.json"))
    if (path / "dataset_info.json").is_file() or not splits:
        return path
    if len(splits) > 1:
        raise InputError(f"{path}: holds the splits {', '.join(splits)}; name one, such as {path / splits[0]}")
    return path / splits[0]


def _dataset_files(path: Path) -> tuple[dict[str, Any], list[Path]]:
    """Read what the two JSON files say: the dataset's description and its data files."""
    try:
        info = json.loads((path / "dataset_info.json").read_text("utf8"))
        state = json.loads((path / "state.json").read_text("utf8"))
        files = [path / Path(entry["filename"]).name for entry in state["_data_files"]]
        if state.get("_indices_data_files") or state.get("_indices_files"):
            raise InputError(f"{path}: rows were selected without copying; call flatten_indices() before saving it")
        return dict(info), files
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: not a Hugging Face dataset directory; expected dataset_info.json, state.json and the data files "
            "that it names, as save_to_disk writes them"
        ) from error


def _class_names(info: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        column: feature["names"]
        for column, feature in (info.get("features") or {}).items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
    }


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
