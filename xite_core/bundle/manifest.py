"""What a bundle says about itself: ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from xite_core.errors import BundleDamagedError, BundleVersionError
from xite_core.options import AugmentOptions
from xite_core.storage import atomic_file, sha256_of

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size in bytes and SHA-256 of one file of the bundle."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The bundle's identity, origin and contents.

    Parameters
    ----------
    name, revision : str
        Where it is published.
    created_at : str
        ISO 8601, UTC.
    encoder : mapping
        The encoder's spec.
    fingerprint : str
        The encoder's fingerprint: vectors of another encoder are refused.
    dimension : int
        Length of an anchor's vector.
    pairs : bool
        Whether anchors are text pairs.
    labels, languages : tuple of str
        Names, in the order of the codes and of the hubness columns.
    counts : mapping
        Rows of anchors and validation.
    index : mapping
        Kind and measured recall of the search structure.
    options : mapping
        Defaults of matching and interpolation for this bundle.
    origin : mapping
        Where the labeled rows came from; for a derived revision its parent.
    files : mapping of str to FileRecord
        Every other file of the bundle.
    head : mapping
        How its fine-tuned head was made; empty where it has none.

    The file carries one more field, ``checksum``: the SHA-256 of all the others.
    """

    name: str
    revision: str
    created_at: str
    encoder: Mapping[str, Any]
    fingerprint: str
    dimension: int
    pairs: bool
    labels: tuple[str, ...]
    languages: tuple[str, ...]
    counts: Mapping[str, int]
    index: Mapping[str, Any]
    options: Mapping[str, Any]
    origin: Mapping[str, Any]
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION
    head: Mapping[str, Any] = field(default_factory=dict)

    @property
    def default_options(self) -> AugmentOptions:
        """Of requests that choose none: those wished for, with no more neighbours than there are anchors."""
        wished = AugmentOptions().replaced(self.options)
        return replace(wished, k=min(wished.k, self.counts.get("anchors", wished.k)))

    def write(self, directory: Path) -> None:
        """Write ``manifest.json``."""
        with atomic_file(directory / MANIFEST) as temporary:
            values = json.loads(json.dumps(asdict(self)))
            values["checksum"] = _checksum(values)
            temporary.write_text(json.dumps(values, ensure_ascii=False, indent=1), "utf8")


def file_records(directory: Path) -> dict[str, FileRecord]:
    """Size and hash of every file of a directory that is to be published, by its path in it."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): FileRecord(path.stat().st_size, sha256_of(path)) for path in files}


def _checksum(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def read_manifest(directory: Path) -> Manifest:
    """Read ``manifest.json``.

    Raises
    ------
    BundleVersionError
        If a newer version of the library wrote it.
    BundleDamagedError
        If it is missing, cannot be read, or differs from its checksum.
    """
    path = directory / MANIFEST
    try:
        values = json.loads(path.read_text("utf8"))
        version = values["schema_version"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BundleDamagedError(f"{path}: not a readable bundle manifest ({error})") from error
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise BundleVersionError(
            f"{path}: schema version {version}, this library reads up to {SCHEMA_VERSION}; upgrade xite-service"
        )
    if values.pop("checksum", None) != _checksum(values):
        raise BundleDamagedError(f"{path}: differs from its checksum; restore or rebuild the bundle")
    try:
        values["files"] = {name: FileRecord(**record) for name, record in values["files"].items()}
        for name in ("labels", "languages"):
            values[name] = tuple(values[name])
        return Manifest(**values)
    except (TypeError, AttributeError, KeyError) as error:
        raise BundleDamagedError(f"{path}: not a bundle manifest ({error})") from error
