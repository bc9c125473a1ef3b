"""Writing that is all or nothing: files and directories appear under their final name when they are safe on disk."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from xite_core.errors import AlreadyExistsError, StorageError

_REFUSALS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}
)
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1

AroundRename = Callable[[Path], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def storage_errors(path: Path, *, every: bool = False) -> Iterator[None]:
    """Turn the system's refusals into `StorageError`.

    Parameters
    ----------
    path : Path
        What is being written.
    every : bool
        Map every ``OSError``, not only those that speak of the disk and of permissions.

    Raises
    ------
    StorageError
        If the disk is full, read-only, broken or forbidden.
    """
    try:
        yield
    except OSError as error:
        if not every and error.errno not in _REFUSALS:
            raise
        raise StorageError(path, error.strerror or str(error)) from error


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name beside ``path``; flushed to disk and renamed when the block ends well.

    Parameters
    ----------
    path : Path
        Final name; what is there is replaced in one step.

    Yields
    ------
    Path
        Where to write. Nothing is there yet.

    Raises
    ------
    StorageError
        If the disk refuses. Neither the final name nor the temporary one is left half-written then.
    """
    if not path.parent.is_dir():
        raise StorageError(path, f"there is no directory {path.parent}")
    temporary = _beside(path)
    try:
        with storage_errors(path):
            yield temporary
        with storage_errors(path, every=True):
            _sync(temporary)
            os.replace(temporary, path)
            _sync(path.parent)
    finally:
        with contextlib.suppress(OSError):  # a read-only disk refuses this too, and must not hide the first error
            temporary.unlink()


@contextlib.contextmanager
def atomic_directory(path: Path, around_rename: AroundRename | None = None) -> Iterator[Path]:
    """Fill a directory under a temporary name beside ``path``; published when the block ends well.

    Parameters
    ----------
    path : Path
        Final name, not taken yet; its parent is made if missing.
    around_rename : callable, optional
        Given the filled directory, a context for the renaming, such as a lock; entered when all is safe on disk.

    Yields
    ------
    Path
        An empty directory to write into.

    Raises
    ------
    AlreadyExistsError
        If the final name is taken.
    StorageError
        If the disk refuses; nothing is left behind then.
    """
    if os.path.lexists(path):
        raise AlreadyExistsError(path)
    temporary = _beside(path)
    try:
        with storage_errors(path, every=True):
            temporary.mkdir(parents=True)
        with storage_errors(path):
            yield temporary
        publish_directory(temporary, path, around_rename)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def publish_directory(temporary: Path, final: Path, around_rename: AroundRename | None = None) -> None:
    """Flush a directory to disk and rename it, never replacing anything.

    Parameters
    ----------
    temporary : Path
        A finished directory on the same file system.
    final : Path
        Its name from now on.
    around_rename : callable, optional
        As for `atomic_directory`.

    Raises
    ------
    AlreadyExistsError
        If ``final`` exists, also as an empty directory.
    StorageError
        If the disk refuses.
    """
    _flush(temporary, final)
    with around_rename(temporary) if around_rename else contextlib.nullcontext():
        _rename(temporary, final)


def _flush(temporary: Path, final: Path) -> None:
    with storage_errors(final, every=True):
        for folder, _, names in os.walk(temporary):
            for name in names:
                _sync(Path(folder, name))
            _sync(Path(folder))


def _rename(temporary: Path, final: Path) -> None:
    with storage_errors(final, every=True):
        try:
            _rename_without_replacing(temporary, final)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR) and os.path.lexists(final):
                raise AlreadyExistsError(final) from error
            raise
        _sync(final.parent)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _beside(path: Path) -> Path:
    """Make a hidden name in the same directory that nobody else uses."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename_without_replacing(old: Path, new: Path) -> None:
    """``os.rename`` would silently replace an empty directory; renameat2 refuses, where the system has it."""
    if sys.platform == "linux":
        renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        if renameat2 is not None:
            if renameat2(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), _RENAME_NOREPLACE) == 0:
                return
            code = ctypes.get_errno()
            if code not in (errno.ENOSYS, errno.EINVAL):
                raise OSError(code, os.strerror(code), str(new))
    if os.path.lexists(new):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
    os.rename(old, new)
