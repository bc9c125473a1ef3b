"""Build a bundle: stream labeled English through the encoder, fit the subspaces, index, publish."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from xite_core.bundle.bundle import (
    ANCHORS,
    SUBSPACE_FILE,
    VALIDATION,
    Bundle,
    check_encoder,
    open_bundle,
    write_pool,
    write_subspaces,
)
from xite_core.bundle.derive import carry_over
from xite_core.bundle.hold_out import NOBODY, HoldOut, Lot
from xite_core.bundle.manifest import Manifest, file_records
from xite_core.bundle.store import BundleStore
from xite_core.bundle.succession import check_succession
from xite_core.bundle.verify import write_stamp
from xite_core.encoder.protocol import Encoder
from xite_core.errors import InputError, OptionError, RowError
from xite_core.identification import fit_identifier
from xite_core.index.build import read_report
from xite_core.index.labeled import AnchorWriter, LabeledIndex
from xite_core.memory import kept_small
from xite_core.options import AugmentOptions
from xite_core.pool import ENGLISH, POOL_SIZE, ReferencePool
from xite_core.reference import known_languages
from xite_core.subspace import Subspaces, fit_label_subspace
from xite_core.types import Example, FloatArray, IndexKind

Progress = Callable[[str, int], None]
"""Called with the stage's name and the number of rows just done."""

LABELED_ROWS = "labeled rows"
"""Where errors of rows say that the row is; whoever knows the file puts its name in place of that."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a bundle is built.

    Parameters
    ----------
    index : IndexKind
        Search structure; ``auto`` chooses by size.
    validation : float
        Fraction of the labeled rows that is held out: never in index, pool, LDA or replay. Rows of the same text, and
        pairs of the same premise, stay together.
    max_validation : int
        Once so many rows are held out, no further text is.
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
        if self.max_validation < 0:
            raise OptionError("max_validation", self.max_validation, "a whole number, at least 0")
        if self.seed < 0:
            raise OptionError("seed", self.seed, "a whole number, at least 0")


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
        self._lot = Lot(self.options.validation, self.options.seed)
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
        validation: Sequence[Example] = (),
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
            The bundle's default options; where it has fewer anchors than ``k``, all of them are neighbours.
        origin : mapping, optional
            Where the rows came from, as JSON values.
        revision : str, optional
            The revision's name; made up where not given.
        validation : sequence of Example, optional
            Labeled rows to hold out, instead of a share of ``source``; source rows of the same text are held out too.

        Raises
        ------
        InputError
            If there are no rows or fewer than two labels, pairs and single texts are mixed, the pool is too small, or
            the name holds revisions of another encoder, of other labels or of the other form.
        StorageError
            If the disk refuses; nothing is published then.
        """
        chunks = iter(source)
        first = next((chunk for chunk in chunks if chunk), None)
        if first is None:
            raise InputError("there are no labeled rows")
        pairs = first[0].text_pair is not None
        vectors = self._encode_pool(pool, pairs)
        rows = chain([first], chunks, [validation])
        anchors = ([Anchor(example) for example in chunk] for chunk in rows if chunk)
        hold_out = HoldOut(self._lot, self.options.max_validation)
        if validation:
            hold_out = HoldOut(NOBODY, texts=(example.text for example in validation))
        return self._publish(
            name, anchors, vectors, pairs, defaults or AugmentOptions(), origin or {}, hold_out, revision
        )

    def revise(self, bundle: Bundle, *, add: Iterable[Sequence[Example]] = (), remove: Sequence[str] = ()) -> Bundle:
        """Publish a new revision with rows added and removed; kept rows are not encoded again.

        Held-out rows stay held out, and so does an added row of the same text; no others are. A tuned encoder and a
        head are carried over, the head only while the labels stay the same.

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
        EncoderMismatchError
            If the bundle was built with another encoder.
        """
        check_encoder(bundle, self.encoder)
        parts = [part for part in (bundle.validation(), bundle.anchors) if part is not None]
        present = {name for part in parts for name in part.examples.rows_of(remove)}
        missing = [name for name in remove if name not in present]
        if missing:
            raise InputError(
                f"cannot remove {missing[0]!r}: no such id in bundle {bundle.name!r} ({len(missing)} unknown)"
            )
        kept = chain.from_iterable(_kept(part, set(remove)) for part in parts)
        anchors = chain(kept, ([Anchor(e) for e in chunk] for chunk in add if chunk))
        held = {e.text for part in parts[:-1] for chunk in part.examples.chunks(4096) for e in chunk}
        hold_out = HoldOut(NOBODY, texts=held)
        origin = {"parent": bundle.revision, "removed": len(remove)}
        pairs, defaults = bundle.manifest.pairs, AugmentOptions().replaced(bundle.manifest.options)
        try:
            return self._publish(bundle.name, anchors, bundle.pool, pairs, defaults, origin, hold_out, parent=bundle)
        except RowError as error:
            if error.where != LABELED_ROWS:
                raise
            # kept rows have nothing wrong: count among the added ones
            before = sum(map(len, parts)) - len(present)
            raise RowError(error.where, error.row - before, error.problem, error.unit) from None

    def _publish(
        self,
        name: str,
        anchors: Iterable[Sequence[Anchor]],
        pool: ReferencePool,
        pairs: bool,
        defaults: AugmentOptions,
        origin: Mapping[str, Any],
        hold_out: HoldOut,
        revision: str | None = None,
        parent: Bundle | None = None,
    ) -> Bundle:
        revision = revision or new_revision()
        with self.store.publishing(name, revision, None if parent else check_succession) as directory:
            index, counts = self._write_anchors(directory, anchors, pool, pairs, hold_out)
            write_pool(directory, pool)
            write_subspaces(directory / SUBSPACE_FILE, self._fit(pool, index))
            head = carry_over(parent, directory, index.labels) if parent else {}
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
                files=file_records(directory),
                head=head,
            )
            manifest.write(directory)
        final = self.store.directory(name, revision)
        write_stamp(final, manifest)
        return open_bundle(final)

    def _write_anchors(
        self, directory: Path, anchors: Iterable[Sequence[Anchor]], pool: ReferencePool, pairs: bool, hold_out: HoldOut
    ) -> tuple[LabeledIndex, dict[str, int]]:
        width = next(iter(pool.vectors.values())).shape[1]
        columns = len(pool.languages) + 1
        names: set[str] = set()
        with (
            kept_small(),
            AnchorWriter(directory / ANCHORS, width, columns) as kept,
            AnchorWriter(directory / VALIDATION, width, 0) as validation,
        ):
            for chunk in anchors:
                _check_form(chunk, pairs)
                examples = _named(chunk, names)
                vectors = self._vectors(chunk, len(names) - len(chunk))
                _share_out(examples, vectors, kept, validation, pool, hold_out)
                self.progress("encode", len(chunk))
            counts = {"anchors": len(kept), "validation": len(validation)}
            if not len(kept):
                raise InputError("no labeled rows are left for the index")
            self.progress("index", 0)
            index = kept.finish(self.options.index, self.options.seed)
            held = validation.finish(IndexKind.FLAT).labels if counts["validation"] else ()
        _check_labels(index.labels, held)
        if not counts["validation"]:
            shutil.rmtree(directory / VALIDATION)
        return index, counts

    def _vectors(self, chunk: Sequence[Anchor], before: int) -> FloatArray:
        """Vectors of a chunk, float32 (n, d), that comes after so many rows."""
        known = [anchor.vector for anchor in chunk if anchor.vector is not None]
        if len(known) == len(chunk):
            return np.stack(known)
        try:
            return self.encoder.encode([anchor.example for anchor in chunk]).vectors
        except RowError as error:
            raise RowError(LABELED_ROWS, before + error.row + 1, error.problem, "row") from None

    def _encode_pool(self, pool: Mapping[str, Sequence[Example]], pairs: bool) -> ReferencePool:
        texts: dict[str, list[Example]] = {}
        vectors: dict[str, FloatArray] = {}
        for language, examples in pool.items():
            # a text that might be held out of the labeled rows does not enter by the pool either
            usable = [e for e in examples if language != ENGLISH or not self._lot.falls_on(e.text)]
            rows = np.random.default_rng(self.options.seed).permutation(len(usable))[:POOL_SIZE]
            chosen = [usable[i] for i in np.sort(rows)]
            if not pairs and any(example.text_pair is not None for example in chosen):
                raise InputError(f"pool {language!r} holds text pairs, the labeled rows are single texts")
            if pairs and chosen and chosen[0].text_pair is None:
                chosen = [Example(a.text, b.text) for a, b in zip(chosen, chosen[1:] + chosen[:1], strict=True)]
            texts[language], vectors[language] = chosen, self.encoder.encode(chosen).vectors
            self.progress("pool", len(chosen))
        return ReferencePool(vectors, fit_identifier(texts, known_languages()))

    def _fit(self, pool: ReferencePool, index: LabeledIndex) -> Subspaces:
        label = fit_label_subspace(index.vectors, index.label_codes, index.labels, self.options.seed)
        return Subspaces(pool.fit_language_subspace(self.options.seed), label)


def _share_out(
    examples: Sequence[Example],
    vectors: FloatArray,
    kept: AnchorWriter,
    validation: AnchorWriter,
    pool: ReferencePool,
    hold_out: HoldOut,
) -> None:
    """Rows go to the index or to the held-out ones."""
    hold = np.array([hold_out.takes(example) for example in examples], bool)
    held = [example for example, out in zip(examples, hold, strict=True) if out]
    rest = [example for example, out in zip(examples, hold, strict=True) if not out]
    validation.add(held, vectors[hold], np.empty((len(held), 0), np.float32))
    kept.add(rest, vectors[~hold], pool.hubness(vectors[~hold]))


def _kept(anchors: LabeledIndex, removed: set[str]) -> Iterator[list[Anchor]]:
    start = 0
    for chunk in anchors.examples.chunks(4096):
        vectors = np.array(anchors.vectors[start : start + len(chunk)])
        start += len(chunk)
        kept = [Anchor(e, v) for e, v in zip(chunk, vectors, strict=True) if e.id not in removed]
        if kept:
            yield kept


def _named(chunk: Sequence[Anchor], names: set[str]) -> list[Example]:
    """The chunk's examples, each with an id of its own; ``names`` are those taken so far."""
    examples, given = [], {anchor.example.id for anchor in chunk}
    for anchor in chunk:
        name, row = anchor.example.id, len(names)
        if name in names:
            raise RowError(LABELED_ROWS, row + 1, f"the id {name!r} is taken; ids have to be unique", "row")
        while name is None or name in names or (anchor.example.id is None and name in given):
            name, row = f"row-{row}", row + 1
        names.add(name)
        examples.append(replace(anchor.example, id=name))
    return examples


def _check_form(chunk: Sequence[Anchor], pairs: bool) -> None:
    for anchor in chunk:
        if (anchor.example.text_pair is not None) != pairs:
            raise InputError(
                f"labeled row {anchor.example.id or anchor.example.text[:40]!r}: texts and text pairs are mixed; "
                "build one bundle of each"
            )


def _check_labels(labels: Collection[str], held: Collection[str]) -> None:
    if len(labels) < 2:
        raise InputError(f"the labeled rows have one label only ({', '.join(labels)}); at least 2 are needed")
    for label in held:
        if label not in labels:
            raise InputError(
                f"the label {label!r} is left with held-out rows alone; give it others, or remove those too"
            )
