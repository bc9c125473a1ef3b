"""Build a bundle: stream labeled English through the encoder, fit the subspaces, index, publish."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from xite_core.bundle.bundle import ANCHORS, POOL_FILE, SUBSPACE_FILE, VALIDATION, Bundle, open_bundle, write_subspaces
from xite_core.bundle.manifest import FileRecord, Manifest
from xite_core.bundle.store import BundleStore
from xite_core.bundle.verify import write_stamp
from xite_core.encoder.protocol import Encoder
from xite_core.errors import InputError, OptionError
from xite_core.index.build import read_report
from xite_core.index.labeled import AnchorWriter, LabeledIndex
from xite_core.index.vectors_file import write_matrices
from xite_core.options import AugmentOptions
from xite_core.pool import POOL_SIZE, ReferencePool
from xite_core.storage import sha256_of
from xite_core.subspace import Subspaces, fit_subspace
from xite_core.types import Example, FloatArray, IndexKind

LABEL_SAMPLE = 20_000
"""Anchors on which the label subspace is fitted, at most."""

Progress = Callable[[str, int], None]
"""Called with the stage's name and the number of rows just done."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a bundle is built.

    Parameters
    ----------
    index : IndexKind
        Search structure; ``auto`` chooses by size.
    validation : float
        Fraction of the labeled rows that is held out: never in index, pool, LDA or replay.
    max_validation : int
        Rows held out at most.
    seed : int
        Of the held-out choice, the pool, the label sample and the index's training sample.
    """

    index: IndexKind = IndexKind.AUTO
    validation: float = 0.05
    max_validation: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.validation <= 0.5:
            raise OptionError("validation", self.validation, "a fraction from 0 to 0.5")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A labeled row with its vector, where one is known already."""

    example: Example
    vector: FloatArray | None = None


def new_revision() -> str:
    """A revision name that sorts by time and that no two builders share."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"


class Builder:
    """Builds and publishes bundles.

    Parameters
    ----------
    store : BundleStore
        Where they are published.
    encoder : Encoder
        Encodes anchors and pool.
    options : BuildOptions, optional
        How.
    progress : callable, optional
        Told of every chunk.
    """

    def __init__(
        self,
        store: BundleStore,
        encoder: Encoder,
        options: BuildOptions | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.store, self.encoder = store, encoder
        self.options = options or BuildOptions()
        self.progress: Progress = progress or (lambda stage, done: None)

    def build(
        self,
        name: str,
        source: Iterable[Sequence[Example]],
        pool: Mapping[str, Sequence[Example]],
        *,
        defaults: AugmentOptions | None = None,
        origin: Mapping[str, Any] | None = None,
        revision: str | None = None,
    ) -> Bundle:
        """Build, publish and open a bundle; which revision is active does not change.

        Parameters
        ----------
        name : str
            The bundle's name.
        source : iterable of sequences of Example
            Labeled rows, in chunks of any size; read once.
        pool : mapping of str to sequence of Example
            Unlabeled texts by language, English ('en') among them. For labeled pairs, pool texts without a pair are
            paired with their neighbours (ours: such pairs carry the language, which is what the pool is for).
        defaults : AugmentOptions, optional
            The bundle's default options.
        origin : mapping, optional
            Where the rows came from, as JSON values.
        revision : str, optional
            The revision's name; made up where not given.

        Raises
        ------
        InputError
            If there are no rows or fewer than two labels, pairs and single texts are mixed, or the pool is too small.
        StorageError
            If the disk refuses; nothing is published then.
        """
        chunks = iter(source)
        first = next((chunk for chunk in chunks if chunk), None)
        if first is None:
            raise InputError("there are no labeled rows")
        pairs = first[0].text_pair is not None
        vectors = self._encode_pool(pool, pairs)
        anchors = ([Anchor(example) for example in chunk] for chunk in chain([first], chunks))
        return self._publish(name, anchors, vectors, pairs, defaults or AugmentOptions(), origin or {}, revision)

    def revise(self, bundle: Bundle, *, add: Iterable[Sequence[Example]] = (), remove: Sequence[str] = ()) -> Bundle:
        """Publish a new revision with rows added and removed; kept rows are not encoded again.

        Parameters
        ----------
        bundle : Bundle
            The present revision; it stays as it is.
        add : iterable of sequences of Example
            Labeled rows.
        remove : sequence of str
            Ids.

        Raises
        ------
        InputError
            If an id to remove is not there, or an added one is there already.
        """
        present = bundle.anchors.examples.rows_of(list(remove))
        missing = [name for name in remove if name not in present]
        if missing:
            raise InputError(
                f"cannot remove {missing[0]!r}: no such id in bundle {bundle.name!r} ({len(missing)} unknown)"
            )
        anchors = chain(_kept(bundle.anchors, set(remove)), ([Anchor(e) for e in chunk] for chunk in add if chunk))
        origin = {"parent": bundle.revision, "removed": len(remove)}
        return self._publish(
            bundle.name, anchors, bundle.pool, bundle.manifest.pairs, bundle.options, origin, None, hold_out=False
        )

    def _publish(
        self,
        name: str,
        anchors: Iterable[Sequence[Anchor]],
        pool: ReferencePool,
        pairs: bool,
        defaults: AugmentOptions,
        origin: Mapping[str, Any],
        revision: str | None,
        hold_out: bool = True,
    ) -> Bundle:
        revision = revision or new_revision()
        with self.store.publishing(name, revision) as directory:
            index, counts = self._write_anchors(directory, anchors, pool, pairs, hold_out)
            write_matrices(directory / POOL_FILE, dict(pool.vectors))
            write_subspaces(directory / SUBSPACE_FILE, self._fit(pool, index))
            self.progress("hash", 0)
            manifest = Manifest(
                name=name,
                revision=revision,
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                encoder=self.encoder.spec.as_dict(),
                fingerprint=self.encoder.fingerprint,
                dimension=index.dimension,
                pairs=pairs,
                labels=index.labels,
                languages=pool.languages,
                counts=counts,
                index=read_report(directory / ANCHORS).as_dict(),
                options=defaults.as_dict(),
                origin=origin,
                files=_hash_files(directory),
            )
            manifest.write(directory)
        final = self.store.directory(name, revision)
        write_stamp(final, manifest)
        return open_bundle(final)

    def _write_anchors(
        self, directory: Path, anchors: Iterable[Sequence[Anchor]], pool: ReferencePool, pairs: bool, hold_out: bool
    ) -> tuple[LabeledIndex, dict[str, int]]:
        width = next(iter(pool.vectors.values())).shape[1]
        columns = len(pool.languages) + 1
        kept = AnchorWriter(directory / ANCHORS, width, columns)
        validation = AnchorWriter(directory / VALIDATION, width, 0)
        with kept, validation:
            for chunk in anchors:
                self._add(chunk, kept, validation, pool, pairs, hold_out)
                self.progress("encode", len(chunk))
            counts = {"anchors": len(kept), "validation": len(validation)}
            if not len(kept):
                raise InputError("no labeled rows are left for the index")
            self.progress("index", 0)
            index = kept.finish(self.options.index, self.options.seed)
        if not counts["validation"]:
            shutil.rmtree(directory / VALIDATION)
        if len(index.labels) < 2:
            raise InputError(f"the labeled rows have one label only ({', '.join(index.labels)}); at least 2 are needed")
        return index, counts

    def _add(
        self,
        chunk: Sequence[Anchor],
        kept: AnchorWriter,
        validation: AnchorWriter,
        pool: ReferencePool,
        pairs: bool,
        hold_out: bool,
    ) -> None:
        """Encode a chunk and share it out between the index and the held-out rows."""
        _check_form(chunk, pairs)
        vectors = self._vectors(chunk)
        seen = len(kept) + len(validation)
        examples = [replace(a.example, id=a.example.id or f"row-{seen + i}") for i, a in enumerate(chunk)]
        hold = np.array([hold_out and self._is_held_out(example) for example in examples], bool)
        hold[np.cumsum(hold) + len(validation) > self.options.max_validation] = False
        held = [example for example, out in zip(examples, hold, strict=True) if out]
        rest = [example for example, out in zip(examples, hold, strict=True) if not out]
        validation.add(held, vectors[hold], np.empty((len(held), 0), np.float32))
        kept.add(rest, vectors[~hold], pool.hubness(vectors[~hold]))

    def _vectors(self, chunk: Sequence[Anchor]) -> FloatArray:
        known = [anchor.vector for anchor in chunk if anchor.vector is not None]
        if len(known) == len(chunk):
            return np.stack(known)
        return self.encoder.encode([anchor.example for anchor in chunk]).vectors

    def _is_held_out(self, example: Example) -> bool:
        """Decided by the text, so that duplicates stay together."""
        content = "\x00".join((str(self.options.seed), example.text, example.text_pair or ""))
        value = int.from_bytes(hashlib.blake2b(content.encode(), digest_size=8).digest())
        return value / 2**64 < self.options.validation

    def _encode_pool(self, pool: Mapping[str, Sequence[Example]], pairs: bool) -> ReferencePool:
        vectors: dict[str, FloatArray] = {}
        for language, examples in pool.items():
            drawn = np.random.default_rng(self.options.seed).permutation(len(examples))[:POOL_SIZE]
            chosen = [examples[i] for i in np.sort(drawn)]
            if pairs and chosen and chosen[0].text_pair is None:
                chosen = [Example(a.text, b.text) for a, b in zip(chosen, chosen[1:] + chosen[:1], strict=True)]
            vectors[language] = self.encoder.encode(chosen).vectors
            self.progress("pool", len(chosen))
        return ReferencePool(vectors)

    def _fit(self, pool: ReferencePool, index: LabeledIndex) -> Subspaces:
        drawn = np.sort(np.random.default_rng(self.options.seed).permutation(index.ntotal)[:LABEL_SAMPLE])
        label = fit_subspace(index.vectors[drawn], index.label_codes[drawn], index.labels)
        return Subspaces(pool.fit_language_subspace(self.options.seed), label)


def _kept(anchors: LabeledIndex, removed: set[str]) -> Iterator[list[Anchor]]:
    start = 0
    for chunk in anchors.examples.chunks(4096):
        vectors = np.array(anchors.vectors[start : start + len(chunk)])
        start += len(chunk)
        kept = [Anchor(e, v) for e, v in zip(chunk, vectors, strict=True) if e.id not in removed]
        if kept:
            yield kept


def _check_form(chunk: Sequence[Anchor], pairs: bool) -> None:
    for anchor in chunk:
        if (anchor.example.text_pair is not None) != pairs:
            raise InputError(
                f"labeled row {anchor.example.id or anchor.example.text[:40]!r}: texts and text pairs are mixed; "
                "build one bundle of each"
            )


def _hash_files(directory: Path) -> dict[str, FileRecord]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): FileRecord(path.stat().st_size, sha256_of(path)) for path in files}
