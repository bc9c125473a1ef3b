"""Publish a revision that is derived from another: with a head, and with vectors of a tuned encoder where it moved."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from xite_core.bundle.bundle import (
    ANCHORS,
    IDENTIFIER_FILE,
    POOL_FILE,
    SUBSPACE_FILE,
    VALIDATION,
    Bundle,
    open_bundle,
    write_pool,
    write_subspaces,
)
from xite_core.bundle.manifest import Manifest, file_records
from xite_core.bundle.store import BundleStore
from xite_core.bundle.succession import check_succession
from xite_core.bundle.verify import write_stamp
from xite_core.encoder.protocol import Encoder
from xite_core.encoder.registry import load_encoder
from xite_core.encoder.spec import EncoderSpec
from xite_core.index.build import read_report
from xite_core.index.labeled import AnchorWriter
from xite_core.options import AugmentOptions
from xite_core.pool import ReferencePool
from xite_core.subspace import Subspaces
from xite_core.types import Example, FloatArray, IndexKind

HEAD_FILE = "head.safetensors"
ENCODER = "encoder"

Rows = Iterable[tuple[Sequence[Example], FloatArray]]


@dataclass(frozen=True, slots=True)
class Recoded:
    """What replaces the parent's vectors.

    Parameters
    ----------
    spec : EncoderSpec
        The encoder that made them.
    fingerprint : str
        Its fingerprint.
    anchors, validation : iterable of (sequence of Example, ndarray of float32 (b, d))
        Labeled rows with their vectors, in chunks.
    pool : ReferencePool
        Pool vectors.
    subspaces : Subspaces
        Fitted on them.
    """

    spec: EncoderSpec
    fingerprint: str
    anchors: Rows
    validation: Rows
    pool: ReferencePool
    subspaces: Subspaces


@dataclass(frozen=True, slots=True)
class Derivation:
    """What a derived revision holds.

    Parameters
    ----------
    parent : Bundle
        Where it comes from; its files are linked where they stay as they are.
    head : mapping
        What the manifest says of the head, as JSON values.
    origin : mapping
        What the manifest says of the origin.
    fill : callable
        Writes the files of its own (head, encoder) into the directory given.
    recoded : Recoded, optional
        New vectors; the parent's where not given.
    options : AugmentOptions, optional
        New defaults of matching and interpolation; the parent's where not given.
    """

    parent: Bundle
    head: Mapping[str, Any]
    origin: Mapping[str, Any]
    fill: Callable[[Path], None]
    recoded: Recoded | None = None
    options: AugmentOptions | None = None


def has_head(bundle: Bundle) -> bool:
    """Whether a bundle can predict."""
    return HEAD_FILE in bundle.manifest.files


def has_own_encoder(manifest: Manifest) -> bool:
    """Whether a bundle holds a tuned encoder of its own, beside the one that its spec names."""
    return any(name.startswith(ENCODER + "/") for name in manifest.files)


def carry_over(parent: Bundle, directory: Path, labels: Sequence[str]) -> Mapping[str, Any]:
    """Link the parent's own encoder, and its head where the labels are still the same, into a new revision.

    Parameters
    ----------
    parent : Bundle
        Whose encoder made the new revision's vectors.
    directory : Path
        Of the new revision.
    labels : sequence of str
        Its labels.

    Returns
    -------
    mapping
        What the new manifest says of the head; empty where it is left behind.
    """
    if has_own_encoder(parent.manifest):
        _link(parent.directory / ENCODER, directory / ENCODER)
    if not has_head(parent) or tuple(labels) != parent.labels:
        return {}
    _link(parent.directory / HEAD_FILE, directory / HEAD_FILE)
    return parent.manifest.head


def bundle_encoder(bundle: Bundle) -> Encoder:
    """Load the bundle's encoder: the tuned one inside it, else the one that its manifest names.

    Raises
    ------
    EncoderError
        If it cannot be had or read.
    """
    spec = EncoderSpec.from_dict(bundle.manifest.encoder)
    if not has_own_encoder(bundle.manifest):
        return load_encoder(spec)
    from xite_core.encoder.transformers_encoder import TransformersEncoder

    return TransformersEncoder(spec, bundle.directory / ENCODER)


def publish_derived(store: BundleStore, name: str, revision: str, derivation: Derivation, *, seed: int = 0) -> Bundle:
    """Publish and open a derived revision; which one is active does not change.

    Parameters
    ----------
    store : BundleStore
        Where.
    name, revision : str
        Under which name.
    derivation : Derivation
        What.
    seed : int
        Of the index, where one is built.

    Raises
    ------
    AlreadyExistsError
        If there is such a revision.
    InputError
        If another name than the parent's holds revisions of another encoder, of other labels or of the other form.
    StorageError
        If the disk refuses; nothing is published then.
    """
    parent, recoded = derivation.parent, derivation.recoded
    with store.publishing(name, revision, None if name == parent.name else check_succession) as directory:
        counts = _write_rows(parent, recoded, directory, seed) if recoded else _link_rows(parent, directory)
        moved = recoded is not None and recoded.fingerprint != parent.manifest.fingerprint
        if not moved and has_own_encoder(parent.manifest):
            _link(parent.directory / ENCODER, directory / ENCODER)
        derivation.fill(directory)
        manifest = Manifest(
            name=name,
            revision=revision,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            encoder=recoded.spec.as_dict() if recoded else parent.manifest.encoder,
            fingerprint=recoded.fingerprint if recoded else parent.manifest.fingerprint,
            dimension=parent.manifest.dimension,
            pairs=parent.manifest.pairs,
            labels=parent.labels,
            languages=recoded.pool.languages if recoded else parent.manifest.languages,
            counts=counts,
            index=read_report(directory / ANCHORS).as_dict(),
            options=derivation.options.as_dict() if derivation.options else parent.manifest.options,
            origin={"parent": parent.revision, "parent_name": parent.name, **derivation.origin},
            files=file_records(directory),
            head=derivation.head,
        )
        manifest.write(directory)
    final = store.directory(name, revision)
    write_stamp(final, manifest)
    return open_bundle(final)


def _link_rows(parent: Bundle, directory: Path) -> dict[str, int]:
    for part in (ANCHORS, VALIDATION, POOL_FILE, IDENTIFIER_FILE, SUBSPACE_FILE):
        if (parent.directory / part).exists():
            _link(parent.directory / part, directory / part)
    return dict(parent.manifest.counts)


def _write_rows(parent: Bundle, recoded: Recoded, directory: Path, seed: int) -> dict[str, int]:
    width, columns = parent.manifest.dimension, len(recoded.pool.languages) + 1
    kind = IndexKind(parent.manifest.index.get("requested", IndexKind.AUTO))
    with AnchorWriter(directory / ANCHORS, width, columns) as anchors:
        for examples, vectors in recoded.anchors:
            anchors.add(examples, vectors, recoded.pool.hubness(vectors))
        counts = {"anchors": len(anchors)}
        anchors.finish(kind, seed)
    with AnchorWriter(directory / VALIDATION, width, 0) as validation:
        for examples, vectors in recoded.validation:
            validation.add(examples, vectors, np.empty((len(examples), 0), np.float32))
        counts["validation"] = len(validation)
        validation.finish(IndexKind.FLAT)
    write_pool(directory, recoded.pool)
    write_subspaces(directory / SUBSPACE_FILE, recoded.subspaces)
    return counts


def _link(old: Path, new: Path) -> None:
    """Hard links of immutable files; a copy where the file system has no links."""
    if old.is_dir():
        new.mkdir(parents=True, exist_ok=True)
        for path in old.iterdir():
            _link(path, new / path.name)
        return
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)
