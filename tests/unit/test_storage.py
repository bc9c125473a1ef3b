"""Writing that is all or nothing, on a disk that refuses."""

from __future__ import annotations

import errno
import hashlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from xite_core import storage
from xite_core.errors import AlreadyExistsError, StorageError
from xite_core.index.examples import ExampleWriter
from xite_core.index.faiss_index import build_structure, write_structure
from xite_core.index.vectors_file import VectorWriter
from xite_core.records.writers import write_batches
from xite_core.storage import atomic_directory, atomic_file, publish_directory, sha256_of, storage_errors
from xite_core.types import Example, IndexKind

MIB = 2**20


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not permitted here; the full disk is tested only where it is")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def read_only_disk(tiny_disk: Path) -> Path:
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    return tiny_disk


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == tmp_path
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_in_the_block_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_errors_that_are_not_the_disks_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "a"):
        (tmp_path / "input").read_text()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES])
def test_refusals_become_storage_errors(tmp_path: Path, code: int) -> None:
    with pytest.raises(StorageError, match=r"cannot write .*x") as caught, storage_errors(tmp_path / "x"):
        raise OSError(code, "refused")
    assert isinstance(caught.value.__cause__, OSError)


def test_a_folder_that_is_not_there_or_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for parent in ("no", "file"):
        with pytest.raises(StorageError, match="no directory"), atomic_file(tmp_path / parent / "a"):
            pass


def test_a_name_that_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(StorageError, match="directory"), atomic_file(tmp_path / "a") as temporary:
        temporary.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_leaves_nothing_half_written(tiny_disk: Path) -> None:
    path = tiny_disk / "a.bin"
    with atomic_file(path) as temporary:
        temporary.write_bytes(b"old")
    with pytest.raises(StorageError, match="No space left"), atomic_file(path) as temporary:
        temporary.write_bytes(b"x" * 2 * MIB)
    assert path.read_bytes() == b"old"
    assert list(tiny_disk.iterdir()) == [path]


def test_a_full_disk_in_a_directory(tiny_disk: Path) -> None:
    with pytest.raises(StorageError, match="No space left"), atomic_directory(tiny_disk / "d") as directory:
        (directory / "a").write_bytes(b"x" * 2 * MIB)
    assert list(tiny_disk.iterdir()) == []


def test_a_full_disk_while_vectors_examples_or_an_index_are_written(tiny_disk: Path) -> None:
    rows = np.ones((300, 1024), np.float32)
    with pytest.raises(StorageError, match="No space left"), VectorWriter(tiny_disk / "v", 1024) as vectors:
        vectors.add(rows)
    with pytest.raises(StorageError, match="No space left"), ExampleWriter(tiny_disk / "e") as examples:
        for _ in range(20):
            examples.add([Example("x" * 100_000)])
    rows = np.random.default_rng(0).normal(size=(2000, 600)).astype(np.float32)
    with pytest.raises(StorageError, match="No space left"):
        write_structure(build_structure(rows, IndexKind.HNSW, 0), tiny_disk / "i")
    assert list(tiny_disk.iterdir()) == []


@pytest.mark.parametrize("name", ["x.parquet", "x.jsonl", "x.csv", "x"])
def test_a_full_disk_while_records_are_written(tiny_disk: Path, name: str) -> None:
    texts = [np.random.default_rng(i).bytes(50_000).hex() for i in range(40)]
    batch = pa.record_batch({"text": texts})
    with pytest.raises(StorageError, match="No space left"):
        write_batches(tiny_disk / name, batch.schema, [batch])
    assert list(tiny_disk.iterdir()) == []


def test_a_read_only_disk(read_only_disk: Path) -> None:
    with pytest.raises(StorageError, match="Read-only"), atomic_file(read_only_disk / "a") as temporary:
        temporary.write_text("x")
    with pytest.raises(StorageError, match="Read-only"), atomic_directory(read_only_disk / "d"):
        pass


def test_a_directory_is_published_whole(tmp_path: Path) -> None:
    final = tmp_path / "new" / "final"
    with atomic_directory(final) as directory:
        (directory / "sub").mkdir()
        (directory / "sub" / "a").write_text("a")
        assert not final.exists()
    assert (final / "sub" / "a").read_text() == "a"
    assert list(final.parent.iterdir()) == [final]


def test_an_error_publishes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_directory(tmp_path / "d") as directory:
        (directory / "a").write_text("a")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("system", [True, False], ids=["renameat2", "portable"])
@pytest.mark.parametrize("taken", ["directory", "full directory", "file", "dangling link"])
def test_what_exists_is_never_replaced(
    tmp_path: Path, taken: str, system: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not system:
        monkeypatch.setattr(storage.sys, "platform", "other")
    final, temporary = tmp_path / "final", tmp_path / "temporary"
    if "directory" in taken:
        final.mkdir()
    if taken == "full directory":
        (final / "a").write_text("old")
    if taken == "file":
        final.write_text("old")
    if taken == "dangling link":
        final.symlink_to(tmp_path / "nowhere")
    temporary.mkdir()
    (temporary / "a").write_text("new")
    with pytest.raises(AlreadyExistsError, match="exists already"):
        publish_directory(temporary, final)
    assert (temporary / "a").read_text() == "new"
    with pytest.raises(AlreadyExistsError), atomic_directory(final):
        pytest.fail("no work is done for a name that is taken")


def test_of_many_publishers_one_wins(tmp_path: Path) -> None:
    temporaries = [tmp_path / str(i) for i in range(8)]
    lost: list[Path] = []

    def publish(temporary: Path) -> None:
        temporary.mkdir()
        try:
            publish_directory(temporary, tmp_path / "final")
        except AlreadyExistsError:
            lost.append(temporary)

    threads = [threading.Thread(target=publish, args=(temporary,)) for temporary in temporaries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lost) == 7
    assert all(path.exists() for path in lost)


def test_a_temporary_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        publish_directory(tmp_path / "no", tmp_path / "final")


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content" * 100_000)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"content" * 100_000).hexdigest()
