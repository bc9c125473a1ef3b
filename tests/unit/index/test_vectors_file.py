"""Vectors in safetensors files."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from xite_core.errors import BundleDamagedError, InputError, StorageError
from xite_core.index.vectors_file import VectorWriter, open_vectors, read_header, read_matrices, write_matrices


def blocks(n: int, dimension: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(size, dimension)).astype(np.float32) for size in (n, 1, 0, 7)]


def test_blocks_become_one_matrix(tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    with VectorWriter(path, 5, {"dimension": "4"}) as writer:
        for block in blocks(100):
            writer.add(block)
        assert not path.exists()
    vectors = open_vectors(path)
    np.testing.assert_array_equal(vectors, np.concatenate(blocks(100)))
    assert not vectors.flags.writeable
    assert type(vectors) is np.ndarray
    assert read_header(path)[1] == {"dimension": "4"}
    assert read_header(path)[0]["vectors"].offset % 64 == 0


def test_the_safetensors_library_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    with VectorWriter(path, 5) as writer:
        writer.add(blocks(9)[0])
    np.testing.assert_array_equal(load_file(path)["vectors"], blocks(9)[0])


def test_it_reads_what_the_safetensors_library_wrote(tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    arrays = {"a": np.arange(6, dtype=np.float64).reshape(2, 3), "b": np.arange(3), "c": np.ones((4, 2), np.float32)}
    save_file(arrays, path)
    found = read_matrices(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_named_arrays_keep_order_dtype_and_shape(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    arrays = {
        "ko": np.ones((2, 3), np.float32),
        "한국어": np.zeros((0, 3), np.float32),
        "mean": np.arange(4.0),
        "codes": np.arange(4, dtype=np.int32),
        "one": np.array(2.5),
        "column-major": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    }
    write_matrices(path, arrays)
    for found in (read_matrices(path), load_file(path)):
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
    assert list(read_matrices(path)) == list(arrays)


def test_no_rows_are_a_matrix_too(tmp_path: Path) -> None:
    with VectorWriter(tmp_path / "v", 5):
        pass
    assert open_vectors(tmp_path / "v").shape == (0, 5)


@pytest.mark.parametrize("rows", [np.zeros((2, 4), np.float32), np.zeros(5, np.float32)])
def test_rows_of_another_shape_are_refused(tmp_path: Path, rows: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"expected \(n, 5\)"), VectorWriter(tmp_path / "v", 5) as writer:
        writer.add(rows)
    assert list(tmp_path.iterdir()) == []


def test_nan_never_reaches_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="NaN"), VectorWriter(tmp_path / "v", 1) as writer:
        writer.add(np.array([[np.nan]], np.float32))
    assert list(tmp_path.iterdir()) == []


def test_other_dtypes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'a' is int16"):
        write_matrices(tmp_path / "m", {"a": np.ones(2, np.int16)})


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no directory"), VectorWriter(tmp_path / "no" / "v", 1):
        pass


def header(values: object) -> bytes:
    text = json.dumps(values).encode()
    return struct.pack("<Q", len(text)) + text


GOOD = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        struct.pack("<Q", 2**40) + b"{}",
        struct.pack("<Q", 4) + b"\xff\xfe{}",
        header([1, 2]),
        header({"vectors": GOOD}) + b"\0" * 15,
        header({"vectors": GOOD | {"dtype": "BF16"}}) + b"\0" * 16,
        header({"vectors": GOOD | {"shape": [3, 2]}}) + b"\0" * 16,
        header({"vectors": GOOD | {"shape": [-2, -2]}}) + b"\0" * 16,
        header({"vectors": GOOD | {"data_offsets": [-16, 0]}}) + b"\0" * 16,
        header({"vectors": GOOD | {"shape": [4]}}) + b"\0" * 16,
        header({"other": GOOD}) + b"\0" * 16,
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v.safetensors"
    path.write_bytes(content)
    with pytest.raises(BundleDamagedError, match=r"v\.safetensors"):
        open_vectors(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleDamagedError, match=r"v\.safetensors"):
        read_matrices(tmp_path / "v.safetensors")
