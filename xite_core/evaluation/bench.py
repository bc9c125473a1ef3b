"""What all variants share: a bundle of the English rows, vectors, the English heads, the texts' features."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from xite_core.bundle.build import Builder, BuildOptions
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.store import BundleStore
from xite_core.encoder.protocol import Encoder
from xite_core.evaluation.cache import CachedEncoder
from xite_core.evaluation.data import EvaluationInputs, EvaluationRows
from xite_core.finetune.adoption import Adopted, AdoptionOptions, adopt
from xite_core.finetune.centring import Place
from xite_core.finetune.corpus import Corpus, FineTuneInputs, gather
from xite_core.finetune.events import Monitor
from xite_core.finetune.prepare import Prepared, prepare
from xite_core.finetune.workspace import LAYOUT, Workspace
from xite_core.lexicon import Bag, bag_of
from xite_core.pool import ENGLISH, POOL_SIZE
from xite_core.reference import reference_texts
from xite_core.types import Example, FloatArray, IntArray

POOL_ROWS = 128
"""Pool texts of each language but English and the target: enough for the LDA, and a few seconds of encoding."""

NAME = "evaluation"
Told = Callable[[str, int, int], None]
"""Called with the stage's name, what is done and what there is to do."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Labeled rows that variants are scored on, with their vectors under the encoder as it was and their features."""

    examples: list[Example]
    codes: IntArray
    vectors: FloatArray
    bag: Bag

    @property
    def clusters(self) -> list[str] | None:
        """The premise of each pair; ``None`` for single texts."""
        pairs = bool(self.examples) and self.examples[0].text_pair is not None
        return [example.text for example in self.examples] if pairs else None


class Bench:
    """Builds the shared part once; a second one over the same directory and rows finds it there.

    Parameters
    ----------
    inputs : EvaluationInputs
        The task's name, the language, the encoder.
    rows : EvaluationRows
        The rows that are used.
    directory : Path
        Working files.
    cache : Path
        Vectors, shared between evaluations.
    told : callable
        Told of progress.
    """

    def __init__(
        self, inputs: EvaluationInputs, rows: EvaluationRows, directory: Path, cache: Path, told: Told
    ) -> None:
        self.inputs, self.rows, self.directory = inputs, rows, directory
        self.identity = identity_of(inputs, rows)
        self._told = told
        self.encoder: Encoder = CachedEncoder(inputs.encoder, cache)
        self._encode_ahead()
        bundle = self._bundle()
        self.finetune = FineTuneInputs(bundle, self.encoder, rows.unlabeled, rows.test, pool=self._pool())
        self.corpus: Corpus = gather(self.finetune)
        self._told("English head", 0, 1)
        workspace = Workspace(directory / "start", self.identity)
        self.prepared: Prepared = prepare(self.finetune, self.corpus, workspace, Monitor())
        self._told("English head", 1, 1)

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in the order of the codes."""
        return self.corpus.labels

    @cached_property
    def target(self) -> Scored:
        """The target test rows."""
        return self._scored(self.rows.test, self.prepared.test)

    @cached_property
    def english(self) -> Scored:
        """English rows that are reported: the test file's, else the held-out share of the source."""
        if not self.rows.english:
            return self._scored(self.corpus.validation, np.asarray(self.prepared.snapshot.validation))
        return self._scored(self.rows.english, self.encoder.encode(self.rows.english).vectors)

    @cached_property
    def bags(self) -> tuple[Bag, Bag]:
        """Features of the anchors and of the unlabeled target texts."""
        anchors = self.finetune.bundle.anchors.examples
        return self.bag(anchors.take(np.arange(len(anchors)))), self.bag(self.corpus.target)

    def centred(self, vectors: FloatArray, language: str) -> FloatArray:
        """Vectors without their language's mean, taken over the anchors or the unlabeled texts."""
        snapshot = self.prepared.snapshot
        return Place.of(np.asarray(snapshot.anchors if language == ENGLISH else snapshot.target)).centred(vectors)

    def bag(self, examples: Sequence[Example]) -> Bag:
        """Features of texts."""
        return bag_of(self.encoder.tokenize(examples).ids, len(examples))

    def adopted(self, options: AdoptionOptions | None) -> Adopted | None:
        """Labels of the unlabeled texts, where the neighbours' vote does not give them."""
        if options is None:
            return None
        prepared, snapshot = self.prepared, self.prepared.snapshot
        return adopt((prepared.head, prepared.centred), snapshot.target, prepared.languages, self.bags, options)

    def _scored(self, examples: list[Example], vectors: FloatArray) -> Scored:
        code = {name: i for i, name in enumerate(self.labels)}
        codes = np.array([code[example.label or ""] for example in examples], np.int64)
        return Scored(examples, codes, vectors, self.bag(examples))

    def _encode_ahead(self) -> None:
        """Fill the cache, with progress; what follows then takes seconds."""
        rows = self.rows
        pool = [row for part in self._pool().values() for row in part]
        needed = [*rows.source, *rows.validation, *rows.unlabeled, *rows.test, *rows.english, *pool]
        for start in range(0, len(needed), POOL_SIZE):
            self._told("encoding", start, len(needed))
            self.encoder.encode(needed[start : start + POOL_SIZE])
        self._told("encoding", len(needed), len(needed))

    def _pool(self) -> dict[str, list[Example]]:
        """English and target texts of the task itself, reference texts of the other languages."""
        pairs = self.rows.source[0].text_pair is not None
        pool = {name: _in_form(list(part)[:POOL_ROWS], pairs) for name, part in reference_texts().items()}
        own = {ENGLISH: self.rows.source, self.inputs.lang: self.rows.unlabeled}
        for name, part in own.items():
            drawn = np.sort(np.random.default_rng(1).permutation(len(part))[:POOL_SIZE])
            pool[name] = [part[i] for i in drawn]
        return pool

    def _bundle(self) -> Bundle:
        store = BundleStore(self.directory / "home")
        revision = self.identity[:32]
        if revision in (store.revisions(NAME) if NAME in store.names() else []):
            return open_bundle(store.directory(NAME, revision))
        share = BuildOptions(validation=0.0 if self.rows.validation else 0.15)
        builder = Builder(store, self.encoder, share)
        return builder.build(NAME, [self.rows.source], self._pool(), revision=revision, validation=self.rows.validation)


def identity_of(inputs: EvaluationInputs, rows: EvaluationRows) -> str:
    """A hash of everything that decides the figures but the variants' own options."""
    total = hashlib.sha256(f"{LAYOUT}\x00{inputs.lang}\x00{inputs.encoder.fingerprint}".encode())
    for part in (rows.source, rows.validation, rows.unlabeled, rows.test, rows.english):
        for row in part:
            total.update(json.dumps([row.text, row.text_pair, row.label]).encode())
        total.update(b"|")
    return total.hexdigest()


def _in_form(rows: list[Example], pairs: bool) -> list[Example]:
    """Single texts paired with their neighbours for a task of pairs: such pairs carry the language."""
    if pairs:
        return [Example(a.text, b.text) for a, b in zip(rows, rows[1:] + rows[:1], strict=True)]
    return rows
