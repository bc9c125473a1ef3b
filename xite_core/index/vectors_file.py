"""Matrices in safetensors files: streamed out, memory-mapped in, never a pickle.

A safetensors file is eight bytes with the header's length, the header as JSON (padding by spaces is part of the
format), then the tensors' bytes. `VectorWriter` reserves a header of fixed size, so that rows can be written before
their number is known.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from xite_core.errors import BundleDamagedError, InputError
from xite_core.storage import atomic_file
from xite_core.types import FloatArray

VECTORS = "vectors"
"""Name of the one tensor that `VectorWriter` writes."""

_ALIGNMENT = 64
_MAX_HEADER = 100_000_000
_LARGEST_COUNT = 10**15
_DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "F16": np.dtype("<f2"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


@dataclass(frozen=True, slots=True)
class TensorPlace:
    """Where a tensor lies in its file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int


class VectorWriter:
    """Stream the rows of a float32 matrix into a file whose length is known only at the end.

    Use it as a context manager; the file appears under its name when the block ends without an error.

    Parameters
    ----------
    path : Path
        The file, replaced in one step if it exists.
    dimension : int
        Length of a row.
    metadata : mapping of str to str, optional
        Stored in the header.

    Raises
    ------
    StorageError
        If the disk refuses.
    """

    def __init__(self, path: Path, dimension: int, metadata: Mapping[str, str] | None = None) -> None:
        self.path, self.dimension, self.rows = path, dimension, 0
        self._metadata = dict(metadata or {})
        self._size = len(_header({VECTORS: (_DTYPES["F32"], (_LARGEST_COUNT, dimension))}, self._metadata))

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._temporary = stack.enter_context(atomic_file(self.path))
            self._sink = stack.enter_context(pa.OSFile(str(self._temporary), "wb"))
            self._sink.write(b" " * self._size)
            self._stack = stack.pop_all()
        return self

    def add(self, rows: FloatArray) -> None:
        """Append rows.

        Parameters
        ----------
        rows : ndarray of float32, (b, dimension)
            Finite numbers.

        Raises
        ------
        InputError
            If the shape is wrong or a number is not finite.
        """
        if rows.ndim != 2 or rows.shape[1] != self.dimension:
            raise InputError(f"{self.path.name}: rows of shape {rows.shape}, expected (n, {self.dimension})")
        if not np.isfinite(rows).all():
            raise InputError(f"{self.path.name}: a vector holds NaN or infinity")
        self._sink.write(rows.astype(_DTYPES["F32"], copy=False).tobytes())
        self.rows += len(rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        with self._stack as stack:
            if error is not None:
                return stack.__exit__(kind, error, trace)
            self._sink.close()
            shape = self.rows, self.dimension
            with self._temporary.open("r+b") as file:
                file.write(_header({VECTORS: (_DTYPES["F32"], shape)}, self._metadata, self._size))
        return None


def write_matrices(
    path: Path, arrays: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays of float16, float32, float64, int32 or int64, in the order given.

    Raises
    ------
    InputError
        If an array has another dtype.
    StorageError
        If the disk refuses.
    """
    for name, array in arrays.items():
        if array.dtype.newbyteorder("<") not in _NAMES:
            expected = "float16, float32, float64, int32 or int64"
            raise InputError(f"{path.name}: array {name!r} is {array.dtype}, expected {expected}")
    places = {name: (array.dtype.newbyteorder("<"), array.shape) for name, array in arrays.items()}
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        file.write(_header(places, metadata or {}))
        for name, array in arrays.items():
            file.write(np.ascontiguousarray(array, places[name][0]).tobytes())


def read_matrices(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Map all arrays of a file, memory-mapped and read-only.

    Raises
    ------
    BundleDamagedError
        If the file is missing, cut short or not what it says it is.
    """
    places, _ = read_header(path)
    return {name: _mapped(path, place) for name, place in places.items()}


def open_vectors(path: Path, name: str = VECTORS) -> FloatArray:
    """Open a float32 matrix (n, d), memory-mapped and read-only; its pages are shared between processes.

    Raises
    ------
    BundleDamagedError
        If the file is missing, damaged or holds no such matrix.
    """
    place = read_header(path)[0].get(name)
    if place is None or place.dtype != _DTYPES["F32"] or len(place.shape) != 2:
        raise BundleDamagedError(f"{path}: holds no float32 matrix {name!r}")
    return _mapped(path, place)


def read_header(path: Path) -> tuple[dict[str, TensorPlace], dict[str, str]]:
    """Read where the tensors of a safetensors file lie, and its metadata.

    Raises
    ------
    BundleDamagedError
        If the file is missing, cut short or not what it says it is.
    """
    try:
        size = os.path.getsize(path)
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(size - 8, _MAX_HEADER):
                raise ValueError("the file ends within its header")
            header: dict[str, Any] = json.loads(file.read(length))
        metadata: dict[str, str] = header.pop("__metadata__", {})
        return {name: _place(entry, 8 + length, size) for name, entry in header.items()}, metadata
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise BundleDamagedError(f"{path}: not a readable safetensors file ({error})") from error


def _place(entry: Mapping[str, Any], start: int, size: int) -> TensorPlace:
    dtype, shape = _DTYPES[entry["dtype"]], tuple(int(length) for length in entry["shape"])
    first, last = entry["data_offsets"]
    if min(shape, default=0) < 0 or first < 0 or last - first != math.prod(shape) * dtype.itemsize:
        raise ValueError("shape and offsets do not agree")
    if start + last > size:
        raise ValueError(f"cut short: {size} bytes, {start + last} are needed")
    return TensorPlace(dtype, shape, start + first)


def _mapped(path: Path, place: TensorPlace) -> npt.NDArray[Any]:
    if not math.prod(place.shape):  # an empty map is not allowed
        return np.empty(place.shape, place.dtype)
    # the plain view: fancy indexing of a np.memmap gives np.memmap objects again, which are slow
    return np.asarray(np.memmap(path, place.dtype, "r", place.offset, place.shape))


def _header(
    places: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]], metadata: Mapping[str, str], size: int | None = None
) -> bytes:
    """Length and JSON, padded to ``size`` or to the alignment."""
    values: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, (dtype, shape) in places.items():
        start, end = end, end + math.prod(shape) * dtype.itemsize
        values[name] = {"dtype": _NAMES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(values).encode()
    size = size or -(-(8 + len(text)) // _ALIGNMENT) * _ALIGNMENT
    return struct.pack("<Q", size - 8) + text.ljust(size - 8)
