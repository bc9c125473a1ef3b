"""One run: train a variant with one seed and keep what it predicts, so that an interrupted evaluation goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.evaluation.bench import Bench
from xite_core.evaluation.variants import BASELINES, CONTROL, ZERO_SHOT, ZERO_SHOT_CENTRED, Variant
from xite_core.finetune.adoption import Adopted, with_lexicon
from xite_core.finetune.corpus import Snapshot, anchor_examples, fresh_snapshot, pool_texts
from xite_core.finetune.events import FineTuneEvent, Monitor
from xite_core.finetune.head import Head
from xite_core.finetune.options import FineTuneOptions
from xite_core.finetune.student import EncoderStudent, HeadStudent, Student, own_encoder
from xite_core.finetune.targeted import centred_student
from xite_core.finetune.training import Plan, Trainer
from xite_core.finetune.workspace import Workspace
from xite_core.interpolation import lerp, unit
from xite_core.matching import Matcher
from xite_core.options import AugmentOptions
from xite_core.pool import ENGLISH
from xite_core.storage import atomic_file
from xite_core.types import FloatArray, IntArray, SubspaceKind


@dataclass(frozen=True, slots=True)
class Run:
    """What one variant with one seed predicts.

    Parameters
    ----------
    target, english : ndarray of float32, (n, C) and (e, C)
        Distributions on the scored rows.
    adopted : ndarray of int64, (n,)
        The label that the target test texts would adopt from their neighbours; empty where nothing is matched.
    confidence : ndarray of float32, (n,)
        The adopted label's share of the vote.
    """

    target: FloatArray
    english: FloatArray
    adopted: IntArray
    confidence: FloatArray


class Runs:
    """Runs variants, or reads what an earlier evaluation of the same rows left.

    Parameters
    ----------
    bench : Bench
        What they share.
    augment : AugmentOptions
        The defaults of matching and interpolation.
    report : callable, optional
        Told of every training step with the share that is done.
    """

    def __init__(self, bench: Bench, augment: AugmentOptions, report: Callable[[float], None] | None = None) -> None:
        self.bench, self.augment = bench, augment
        self._report = report or (lambda share: None)
        self.directory = bench.directory / "runs" / bench.identity[:32]
        self.directory.mkdir(parents=True, exist_ok=True)

    def run(self, variant: Variant, seed: int) -> Run:
        """Predictions of a variant."""
        options = variant.options(self.augment, seed)
        path = self.directory / f"{variant.key}-{seed}-{_digest(options)}.npz"
        if not path.is_file():
            made = self._make(variant, options)
            with atomic_file(path) as temporary, temporary.open("wb") as file:
                np.savez_compressed(file, **{name: getattr(made, name) for name in Run.__slots__})
        with np.load(path) as arrays:
            return Run(**{name: arrays[name] for name in Run.__slots__})

    def _make(self, variant: Variant, options: FineTuneOptions) -> Run:
        if options.moves_encoder:
            return self._deep(variant, options)
        if variant.name == ZERO_SHOT:
            return self._scored(self.bench.prepared.head)
        if variant.name == ZERO_SHOT_CENTRED:
            bench, head = self.bench, self.bench.prepared.centred
            target = head.probabilities(bench.centred(bench.target.vectors, bench.inputs.lang))
            english = head.probabilities(bench.centred(bench.english.vectors, ENGLISH))
            return Run(target, english, *_NOTHING)
        return self._head(variant, options)

    def _head(self, variant: Variant, options: FineTuneOptions) -> Run:
        bench, prepared = self.bench, self.bench.prepared
        snapshot, plan = prepared.snapshot, self._plan(variant, options)
        adopted = bench.adopted(options.adopting)
        if adopted is not None and adopted.lexicon is not None:
            student, plan, place = centred_student(prepared, plan)
            head = place.leave(self._trained(student, variant, plan, None, adopted))
            head = with_lexicon(head, adopted, snapshot.target, bench.bags[1], prepared.head)
        else:
            ends = np.asarray(snapshot.target)
            if variant.name == CONTROL:
                ends = np.tile(unit(ends.mean(0, keepdims=True)), (len(ends), 1))
            student = HeadStudent(prepared.head, np.asarray(snapshot.anchors), ends)
            head = self._trained(student, variant, plan, None, adopted)
        return self._scored(head, *self._matched(options))

    def _deep(self, variant: Variant, options: FineTuneOptions) -> Run:
        """Train (a part of) the encoder; vectors of the test rows are made anew."""
        bench, corpus = self.bench, self.bench.corpus
        own = own_encoder(bench.inputs.encoder, options)
        anchors = anchor_examples(bench.finetune.bundle, corpus)
        pool = pool_texts(bench.finetune, corpus, bench.prepared.languages, options.seed)
        student = EncoderStudent(bench.prepared.head, own, options, anchors, corpus.target)

        def refresh() -> Snapshot:
            own.model.eval()
            return fresh_snapshot(own, corpus, anchors, pool, Monitor(), options.seed)

        adopted = bench.adopted(options.adopting)
        head = self._trained(student, variant, self._plan(variant, options), refresh, adopted)
        if adopted is not None:
            head = with_lexicon(head, adopted, refresh().target, bench.bags[1])
        own.model.eval()
        target, english = (own.encode(part.examples).vectors for part in (bench.target, bench.english))
        if variant.name == ZERO_SHOT_CENTRED:
            target = self._brought(own, target)
        return Run(
            head.probabilities(target, bench.target.bag),
            head.probabilities(english, bench.english.bag),
            *(_NOTHING if variant.name in BASELINES else self._matched(options)),
        )

    def _brought(self, own: TransformersEncoder, target: FloatArray) -> FloatArray:
        """Test vectors moved as the unlabeled texts' mean is to that of English."""
        some = own.encode(self.bench.corpus.target[:1000]).vectors.mean(0)
        anchors = own.encode(self.bench.rows.source[:1000]).vectors.mean(0)
        return unit(target - some + anchors)

    def _plan(self, variant: Variant, options: FineTuneOptions) -> Plan:
        prepared = self.bench.prepared
        right = prepared.head.predict(prepared.snapshot.validation) == self.bench.corpus.validation_codes
        options = replace(options, epochs=self._epochs(options)) if variant.name in BASELINES else options
        assert options.augment is not None
        return Plan(options, options.augment, 0, prepared.languages, float(np.mean(right)))

    def _trained(
        self,
        student: Student,
        variant: Variant,
        plan: Plan,
        refresh: Callable[[], Snapshot] | None,
        adopted: Adopted | None,
    ) -> Head:
        bench = self.bench
        work = bench.directory / "training" / f"{variant.key}-{plan.options.seed}"
        workspace = Workspace(work, f"{bench.identity} {_digest(plan.options)}")
        monitor, start = Monitor(self._tell), bench.prepared.snapshot
        _, head = Trainer(student, bench.corpus, plan, start, refresh, workspace, monitor, adopted=adopted).run()
        shutil.rmtree(work, ignore_errors=True)
        return head

    def _epochs(self, options: FineTuneOptions) -> int:
        """Epochs on English alone that make as many updates as the mixed ones of the other variants."""
        mixed = -(-len(self.bench.corpus.target) // (options.batch_size // 2)) * options.epochs
        english = -(-self.bench.corpus.n_anchors // options.batch_size)
        return max(1, round(mixed / english))

    def _tell(self, event: FineTuneEvent) -> None:
        if event.loss is not None:
            self._report(event.step / event.of)

    def _matched(self, options: FineTuneOptions) -> tuple[IntArray, FloatArray]:
        """What the test texts would adopt by the vote."""
        bench = self.bench
        assert options.augment is not None
        matcher = Matcher(bench.prepared.snapshot.index, len(bench.labels))
        columns = bench.prepared.snapshot.pool.columns([bench.inputs.lang] * len(bench.rows.test))
        table = matcher.match(bench.target.vectors, columns, options.augment)
        return table.label, table.confidence

    def _scored(self, head: Head, adopted: IntArray | None = None, confidence: FloatArray | None = None) -> Run:
        target, english = self.bench.target, self.bench.english
        return Run(
            head.probabilities(target.vectors, target.bag),
            head.probabilities(english.vectors, english.bag),
            _NOTHING[0] if adopted is None else adopted,
            _NOTHING[1] if confidence is None else confidence,
        )


_NOTHING: tuple[IntArray, FloatArray] = (np.zeros(0, np.int64), np.zeros(0, np.float32))


def _digest(options: FineTuneOptions) -> str:
    return hashlib.sha256(json.dumps(options.as_dict(), sort_keys=True).encode()).hexdigest()[:12]


def picture(bench: Bench, augment: AugmentOptions, count: int = 300) -> dict[str, Any]:
    """Two principal axes of source, target and synthetic vectors, for a plot: lists of points by name."""
    snapshot = bench.prepared.snapshot
    matcher = Matcher(snapshot.index, len(bench.labels))
    target = np.asarray(snapshot.target[:count])
    table = matcher.match(target, snapshot.pool.columns(bench.prepared.languages[:count]), augment)
    source = np.asarray(snapshot.anchors)[table.at_partner(table.rows)]
    kind = augment.subspace
    projected = snapshot.subspaces.project(target, kind) if kind is not SubspaceKind.NONE else target
    made = unit(lerp(source, projected, np.full(len(target), augment.lam, np.float32)))
    both = np.concatenate([source, target])
    axes = np.linalg.svd(both - both.mean(0), full_matrices=False)[2][:2]
    clouds = {"source": source, "target": target, "synthetic": made}
    return {name: ((cloud - both.mean(0)) @ axes.T).round(4).tolist() for name, cloud in clouds.items()}
