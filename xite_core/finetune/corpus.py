"""The texts of a run, checked, and their vectors under the encoder of the moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from xite_core.bundle.bundle import Bundle, check_encoder, check_form
from xite_core.encoder.protocol import Encoder
from xite_core.errors import InputError, RowError
from xite_core.finetune.events import Monitor, Stage
from xite_core.identification import fit_identifier
from xite_core.index.faiss_index import FlatIndex
from xite_core.languages import UNDETERMINED
from xite_core.matching import AnchorIndex
from xite_core.memory import kept_small
from xite_core.pool import ENGLISH, POOL_SIZE, ReferencePool
from xite_core.reference import known_languages, reference_texts
from xite_core.subspace import Subspaces, fit_label_subspace
from xite_core.types import Example, FloatArray, IntArray

TOKENIZED = 4096
"""Texts that are tokenized at once only to see whether they can be read; their tokens are not kept."""

MIN_OWN = 32
"""Target texts from which on a language may enter the pool by them: the LDA takes as few of each as the fewest."""


@dataclass(frozen=True, slots=True)
class FineTuneInputs:
    """What a run works on.

    Parameters
    ----------
    bundle : Bundle
        Labeled English anchors with stored vectors, and held-out English rows.
    encoder : Encoder
        The one that the bundle was built with; it is not changed.
    target : sequence of Example
        Unlabeled texts of one or several languages; labels are ignored.
    target_test : sequence of Example
        Labeled texts, for evaluation only.
    source : sequence of Example
        Labeled English rows beside the bundle's.
    pool : mapping of str to sequence of Example, optional
        Texts of the reference pool, by language, for depths that move the encoder; by default the shipped reference
        texts, with the target texts in place of a language's own where they are more.
    """

    bundle: Bundle
    encoder: Encoder
    target: Sequence[Example]
    target_test: Sequence[Example] = ()
    source: Sequence[Example] = ()
    pool: Mapping[str, Sequence[Example]] | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """The checked rows of a run; ``codes`` are positions in ``labels``.

    Parameters
    ----------
    labels : tuple of str
        Label names.
    n_anchors : int
        The bundle's anchors and the extra source rows, in this order.
    anchor_codes, validation_codes, test_codes : ndarray of int64
        Classes of the rows.
    validation, source, target, test : list of Example
        Rows; what is missing in ``target`` is the language, which the first vectors tell.
    unreadable : int
        Target texts that were left out, since the encoder cannot read them.
    """

    labels: tuple[str, ...]
    n_anchors: int
    anchor_codes: IntArray
    validation: list[Example]
    validation_codes: IntArray
    source: list[Example]
    target: list[Example]
    test: list[Example]
    test_codes: IntArray
    unreadable: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Unit vectors under one state of the encoder, float32 (rows, d), and what is fitted on them."""

    anchors: FloatArray
    validation: FloatArray
    target: FloatArray
    pool: ReferencePool
    subspaces: Subspaces
    index: AnchorIndex


class MemoryIndex:
    """Exact search over anchors in memory, as `Matcher` wants it.

    Parameters
    ----------
    vectors, hubness : ndarray of float32, (n, d) and (n, L)
        Unit vectors and their mean cosines to the pool.
    codes : ndarray of int64, (n,)
        Classes.
    """

    def __init__(self, vectors: FloatArray, hubness: FloatArray, codes: IntArray) -> None:
        self.hubness, self.label_codes = hubness, codes
        self._index = FlatIndex(np.ascontiguousarray(np.hstack([vectors, hubness]), np.float32))

    @property
    def ntotal(self) -> int:
        """Number of anchors."""
        return self._index.ntotal

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Best inner products and their rows, (m, k) each, best first."""
        return self._index.search(queries, k)


def gather(inputs: FineTuneInputs) -> Corpus:
    """Check the inputs and lay them side by side.

    Raises
    ------
    InputError
        If there is no target text that the encoder can read, no held-out English row, a label unknown to the bundle,
        or a pair where the bundle has single texts (or the reverse).
    EncoderMismatchError
        If the bundle was built with another encoder.
    """
    bundle = inputs.bundle
    check_encoder(bundle, inputs.encoder)
    if len(bundle.labels) < 2:
        raise InputError(f"bundle {bundle.name!r} has one label only ({bundle.labels[0]}); at least 2 are needed")
    if not inputs.target:
        raise InputError("there are no target texts; give at least one")
    held_out = bundle.validation()
    if held_out is None:
        raise InputError(
            f"bundle {bundle.name!r} has no held-out English rows, which the gate needs; build it with validation > 0"
        )
    validation = held_out.examples.take(np.arange(len(held_out)))
    for where, rows in (("target", inputs.target), ("target_test", inputs.target_test), ("source", inputs.source)):
        check_form(bundle, rows, where)
    _check_ids(inputs.source, bundle)
    target = _readable(inputs)
    return Corpus(
        labels=bundle.labels,
        n_anchors=len(bundle.anchors) + len(inputs.source),
        anchor_codes=np.concatenate([bundle.anchors.label_codes, _codes(inputs.source, "source", bundle)]),
        validation=validation,
        validation_codes=_codes(validation, "held-out rows", bundle),
        source=list(inputs.source),
        target=target,
        test=list(inputs.target_test),
        test_codes=_codes(inputs.target_test, "target_test", bundle),
        unreadable=len(inputs.target) - len(target),
    )


def anchor_examples(bundle: Bundle, corpus: Corpus) -> list[Example]:
    """All labeled English rows: the bundle's, then the extra ones."""
    return [*bundle.anchors.examples.take(np.arange(len(bundle.anchors))), *corpus.source]


def stored_snapshot(bundle: Bundle, corpus: Corpus, target: FloatArray, source: FloatArray) -> Snapshot:
    """The bundle's own vectors with those of target texts and extra source rows, (m, d) and (x, d)."""
    held_out = bundle.validation()
    assert held_out is not None
    anchors, index = bundle.anchors.vectors, None
    if len(source):
        anchors = np.concatenate([anchors, source])
        hubness = np.concatenate([bundle.anchors.hubness, bundle.pool.hubness(source)])
        index = MemoryIndex(anchors, hubness, corpus.anchor_codes)
    return Snapshot(anchors, held_out.vectors, target, bundle.pool, bundle.subspaces, index or bundle.anchors)


def fresh_snapshot(
    encoder: Encoder,
    corpus: Corpus,
    anchors: Sequence[Example],
    pool: Mapping[str, Sequence[Example]],
    monitor: Monitor,
    seed: int,
) -> Snapshot:
    """Everything encoded anew and the subspaces fitted anew; ``anchors`` as `anchor_examples` gives them."""
    codes = corpus.anchor_codes
    parts = [anchors, corpus.validation, corpus.target, *pool.values()]
    ends = np.cumsum([len(part) for part in parts])[:-1]
    encoded = monitor.encode(encoder, list(chain.from_iterable(parts)), Stage.REFRESH)
    vectors, validation, target, *rest = np.split(encoded, ends)
    refreshed = ReferencePool(dict(zip(pool, rest, strict=True)), fit_identifier(pool, known_languages()))
    label = fit_label_subspace(vectors, codes, corpus.labels, seed)
    subspaces = Subspaces(refreshed.fit_language_subspace(seed), label)
    index = MemoryIndex(vectors, refreshed.hubness(vectors), codes)
    return Snapshot(vectors, validation, target, refreshed, subspaces, index)


def pool_texts(inputs: FineTuneInputs, corpus: Corpus, languages: Sequence[str], seed: int) -> dict[str, list[Example]]:
    """Texts of the reference pool for a moving encoder, at most `POOL_SIZE` a language; no held-out row is among them.

    Parameters
    ----------
    inputs, corpus
        Of the run.
    languages : sequence of str, (m,)
        Language of each target text.
    seed : int
        Of the sample.
    """
    given: dict[str, Sequence[Example]] = dict(inputs.pool if inputs.pool is not None else reference_texts())
    if inputs.pool is None:
        for language in sorted(set(languages) - {ENGLISH, UNDETERMINED}):
            own = [text for text, name in zip(corpus.target, languages, strict=True) if name == language]
            if len(own) > max(len(given.get(language, ())), MIN_OWN):
                given[language] = own
    held_out = {text for example in corpus.validation for text in (example.text, example.text_pair) if text}
    chosen: dict[str, list[Example]] = {}
    for language, rows in given.items():
        usable = [row for row in rows if row.text not in held_out]
        drawn = np.sort(np.random.default_rng(seed).permutation(len(usable))[:POOL_SIZE])
        chosen[language] = _in_form([usable[i] for i in drawn], inputs.bundle.manifest.pairs)
    return {language: rows for language, rows in chosen.items() if len(rows) > 1}


def _readable(inputs: FineTuneInputs) -> list[Example]:
    """The target texts without their labels, those left out that the encoder cannot read."""
    with kept_small():
        starts = range(0, len(inputs.target), TOKENIZED)
        flags = [inputs.encoder.tokenize(inputs.target[i : i + TOKENIZED]).unreadable for i in starts]
    readable = ~np.concatenate(flags)
    if not readable.any():
        raise InputError(
            f"encoder {inputs.encoder.name!r} can read none of the {len(inputs.target)} target texts, since its "
            "vocabulary does not hold their script; build the bundle with another encoder"
        )
    return [replace(example, label=None) for example, kept in zip(inputs.target, readable, strict=True) if kept]


def _in_form(rows: list[Example], pairs: bool) -> list[Example]:
    """Single texts are paired with their neighbours for a bundle of pairs: such pairs carry the language."""
    if pairs and rows and rows[0].text_pair is None:
        return [Example(a.text, b.text) for a, b in zip(rows, rows[1:] + rows[:1], strict=True)]
    return rows


def _check_ids(source: Sequence[Example], bundle: Bundle) -> None:
    names = [example.id for example in source if example.id is not None]
    held_out = bundle.validation()
    taken = {*bundle.anchors.examples.rows_of(names), *(held_out.examples.rows_of(names) if held_out else ())}
    for i, example in enumerate(source):
        if example.id in taken:
            raise RowError("source", i, f"the id {example.id!r} is taken; ids have to be unique", "item")
        if example.id is not None:
            taken.add(example.id)


def _codes(rows: Sequence[Example], where: str, bundle: Bundle) -> IntArray:
    code = {name: i for i, name in enumerate(bundle.labels)}
    for i, example in enumerate(rows):
        if example.label not in code:
            known = ", ".join(bundle.labels)
            raise RowError(where, i, f"unknown label {example.label!r}; bundle {bundle.name!r} has {known}", "item")
    return np.array([code[example.label or ""] for example in rows], np.int64)
