"""Integrity: every file's SHA-256 once, then a stamp of sizes and modification times."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from xite_core.bundle.manifest import MANIFEST, Manifest
from xite_core.errors import BundleDamagedError, StorageError
from xite_core.storage import atomic_file, sha256_of

log = logging.getLogger(__name__)

Stamp = dict[str, tuple[int, int]]


def stamp_path(directory: Path) -> Path:
    """Where the stamp of a revision is kept: beside it, since the revision itself is immutable."""
    return directory.parent / ".verified" / f"{directory.name}.json"


def _present(directory: Path, manifest: Manifest) -> Stamp:
    """Size and modification time (ns) of every file of the manifest and of the manifest itself."""
    stamp: Stamp = {}
    for name in (*manifest.files, MANIFEST):
        try:
            status = (directory / name).stat()
        except OSError:
            raise BundleDamagedError(f"{directory / name}: missing from the bundle") from None
        stamp[name] = (status.st_size, status.st_mtime_ns)
    return stamp


def write_stamp(directory: Path, manifest: Manifest) -> None:
    """Remember that the files as they are now have been verified."""
    path = stamp_path(directory)
    try:
        path.parent.mkdir(exist_ok=True)
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(_present(directory, manifest)), "utf8")
    except (OSError, StorageError) as error:
        log.debug("no stamp for %s: %s; it will be hashed again at the next start", directory, error)


def verify(directory: Path, manifest: Manifest, *, full: bool = False) -> None:
    """Check the files against the manifest.

    Parameters
    ----------
    directory : Path
        The revision.
    manifest : Manifest
        As read from it.
    full : bool
        Hash every file even where the stamp says that nothing changed.

    Raises
    ------
    BundleDamagedError
        Names the first file that is missing or differs.
    """
    present = _present(directory, manifest)
    if not full and _stamped(directory) == present:
        return
    for name, record in manifest.files.items():
        if present[name][0] != record.size or sha256_of(directory / name) != record.sha256:
            raise BundleDamagedError(
                f"{directory / name}: differs from the hash in the manifest; restore or rebuild it"
            )
    write_stamp(directory, manifest)


def _stamped(directory: Path) -> Stamp | None:
    try:
        values = json.loads(stamp_path(directory).read_text("utf8"))
        return {name: (size, mtime) for name, (size, mtime) in values.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None
