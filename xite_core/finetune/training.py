"""The training loop: epochs over synthetic examples with English replay, checkpoints, early stopping."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from xite_core.finetune.adoption import Adopted
from xite_core.finetune.corpus import Corpus, Snapshot
from xite_core.finetune.events import FineTuneEvent, Monitor, Stage
from xite_core.finetune.head import Head
from xite_core.finetune.objective import mix, projection
from xite_core.finetune.options import FineTuneOptions
from xite_core.finetune.pairing import Pairing, check_matched, drawn_evenly, pair
from xite_core.finetune.schedule import AdamW, rate_factor
from xite_core.finetune.seeding import seeded
from xite_core.finetune.state import Best, TrainState, agreement, pack, unpack
from xite_core.finetune.student import Student, head_of, load_weights
from xite_core.finetune.workspace import Saved, Workspace, tensors_of
from xite_core.interpolation import draw_lambdas
from xite_core.metrics import accuracy, confusion_matrix, macro_f1
from xite_core.options import AugmentOptions
from xite_core.types import IntArray

CHECKPOINT_SECONDS = 30.0
"""Time between checkpoints within an epoch; where they fall changes nothing in the result."""

EPOCH_SHARE = 0.5
"""Share of the gate's drop that an epoch may lose on the held-out rows: other rows may show more of it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fixed before training.

    Parameters
    ----------
    options : FineTuneOptions
        Hyper-parameters.
    augment : AugmentOptions
        Matching and interpolation.
    english_epochs : int
        English-only epochs at the beginning.
    languages : list of str, (m,)
        Language of each target text.
    english_accuracy : float
        Before training, for the gate.
    spares_english : bool
        Whether English texts are not judged by what is trained: epochs are not held to the gate, the result is.
    strength : float, optional
        Inverse regulariser of the head, as in `fit_logistic`; no penalty but weight decay where not given.
    """

    options: FineTuneOptions
    augment: AugmentOptions
    english_epochs: int
    languages: list[str]
    english_accuracy: float
    spares_english: bool = False
    strength: float | None = None


@dataclass(frozen=True, slots=True)
class Batches:
    """The rows of one epoch's steps: plain English anchors (steps, e), and positions of synthetic items (steps, s).

    Item ``p`` is draw ``p % n`` of selected text ``p // n``.
    """

    english: IntArray
    items: IntArray


def plan_epoch(pairing: Pairing, n_anchors: int, plan: Plan, epoch: int, steps: int) -> Batches:
    """Draw an epoch's batches; they depend on the seed, the epoch and the matches only.

    Parameters
    ----------
    pairing : Pairing
        Selected texts and their labels.
    n_anchors : int
        Number of English anchors.
    plan : Plan
        Batch size, replay and balance.
    epoch : int
        From 0.
    steps : int
        Number of batches.
    """
    options, draws = plan.options, plan.augment.n
    english = options.batch_size if epoch < plan.english_epochs else options.english_per_batch
    items = options.batch_size - english
    replayed = drawn_evenly(
        np.zeros(n_anchors, np.int64), steps * english, np.random.default_rng([options.seed, epoch, 0]), balance=False
    )
    groups = np.repeat(pairing.label[pairing.selected], draws)
    drawn = drawn_evenly(
        groups, steps * items, np.random.default_rng([options.seed, epoch, 1]), balance=options.balance
    )
    if not len(groups):
        drawn = np.zeros(0, np.int64)
        items = 0
    return Batches(replayed.reshape(steps, english), drawn.reshape(steps, items))


class Trainer:
    """Trains one student; `run` goes on from the workspace's checkpoint.

    Parameters
    ----------
    student : Student
        What is trained.
    corpus : Corpus
        Rows and codes.
    plan : Plan
        How.
    start : Snapshot
        Vectors under the encoder as it was.
    refresh : callable, optional
        Gives the vectors under the encoder as it is now; not given where the encoder does not move.
    workspace : Workspace
        Where checkpoints go.
    monitor : Monitor
        Who is told, and who may cancel.
    checkpoint_seconds : float
        Time between checkpoints within an epoch.
    adopted : Adopted, optional
        Labels of the target texts, where the neighbours' vote does not decide.
    """

    def __init__(
        self,
        student: Student,
        corpus: Corpus,
        plan: Plan,
        start: Snapshot,
        refresh: Callable[[], Snapshot] | None,
        workspace: Workspace,
        monitor: Monitor,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        adopted: Adopted | None = None,
    ) -> None:
        self.student, self.corpus, self.plan, self.adopted = student, corpus, plan, adopted
        self.workspace, self.monitor = workspace, monitor
        self._start, self._refresh, self._seconds = start, refresh, checkpoint_seconds
        options = plan.options
        parameters = student.parameters()
        self._optimizer = AdamW(parameters, student.rates(options), options.weight_decay, options.clip_norm)
        self._codes = torch.from_numpy(corpus.anchor_codes)
        first = self._pair(start)
        self._first = first
        self._steps = self._steps_of(first)

    def run(self) -> tuple[TrainState, Head]:
        """Train to the end and load the best epoch's weights.

        Returns
        -------
        state, head
            What happened, and the best head; the student's encoder is then that epoch's too.

        Raises
        ------
        InputError
            If a language has no match, or all matches have one label.
        FineTuneCancelled
            If the caller's check says so.
        """
        with seeded(self.plan.options.seed):
            state = self._resumed() or self._begin()
            while not state.stopped:
                self._train_epoch(state)
                self._close_epoch(state)
        assert state.best is not None
        best = self.workspace.best(state.best.epoch)
        assert best is not None
        load_weights(self.student, best.part("weights"))
        return state, head_of(self.student)

    @property
    def total(self) -> int:
        """Steps of all epochs."""
        return sum(self._steps(epoch) for epoch in range(self._epochs))

    @property
    def _epochs(self) -> int:
        return self.plan.english_epochs + self.plan.options.epochs

    def _steps_of(self, pairing: Pairing) -> Callable[[int], int]:
        """Steps of an epoch: a pass over the selected items of the first matches, or over English."""
        options, n = self.plan.options, self.corpus.n_anchors
        items = options.batch_size - options.english_per_batch
        english = -(-n // options.batch_size)
        mixed = -(-len(pairing.selected) * self.plan.augment.n // items) if items else english
        return lambda epoch: english if epoch < self.plan.english_epochs else max(mixed, 1)

    def _pair(self, snapshot: Snapshot) -> Pairing:
        return pair(
            snapshot, self.plan.languages, self.corpus.labels, self.plan.augment, self.plan.options, self.adopted
        )

    def _begin(self) -> TrainState:
        if self.plan.options.english_per_batch < self.plan.options.batch_size:
            check_matched(self._first, self.plan.languages, self.corpus.labels)
        state = TrainState(self._first, projection(self._start.subspaces, self.plan.augment.subspace))
        if not self.plan.english_epochs:
            self._keep_start(state)
        return state

    def _keep_start(self, state: TrainState) -> None:
        """Where every epoch loses more English than allowed, the model as it began is the result."""
        state.best = Best(0, True, -1.0)
        self.workspace.save_best(0, Saved(tensors_of("weights", self.student.parameters()), {}))

    def _resumed(self) -> TrainState | None:
        saved = self.workspace.checkpoint()
        return unpack(saved, self.student, self._optimizer) if saved else None

    def _train_epoch(self, state: TrainState) -> None:
        steps = self._steps(state.epoch)
        batches = plan_epoch(state.pairing, self.corpus.n_anchors, self.plan, state.epoch, steps)
        lam = self._lambdas(state)
        done = sum(self._steps(epoch) for epoch in range(state.epoch))
        saved_at = time.monotonic()
        self.student.train()
        while state.step < steps:
            self.monitor.poll()
            loss = self._loss(state, batches.english[state.step], batches.items[state.step], lam)
            self._optimizer.step(loss, rate_factor(done + state.step, self.total, self.plan.options.warmup))
            state.losses.append(float(loss.detach()))
            state.step += 1
            if time.monotonic() - saved_at >= self._seconds:
                self.workspace.save_checkpoint(pack(state, self.student, self._optimizer))
                saved_at = time.monotonic()
            event = FineTuneEvent(Stage.TRAIN, done + state.step, self.total, state.epoch + 1, state.losses[-1])
            self.monitor.tell(event)

    def _lambdas(self, state: TrainState) -> Tensor:
        """Coefficients of the epoch's items, float32 (selected * n,); Beta draws differ from epoch to epoch."""
        texts = [self.corpus.target[row] for row in state.pairing.selected]
        seed = (self.plan.options.seed + state.epoch) % 2**63
        return torch.from_numpy(draw_lambdas(texts, replace(self.plan.augment, seed=seed)).ravel())

    def _loss(self, state: TrainState, english: IntArray, items: IntArray, lam: Tensor) -> Tensor:
        pairing, linear = state.pairing, self.student.linear
        chosen = pairing.selected[items // self.plan.augment.n]
        sources, targets = self.student.ends(np.concatenate([english, pairing.partner[chosen]]), chosen)
        plain, source = sources[: len(english)], sources[len(english) :]
        weight = lam[torch.from_numpy(items)]
        mixed = mix(source, state.projection(targets), weight.to(source.device), self.plan.options.normalize)
        scores = linear(torch.cat([plain, mixed]))
        labels = torch.cat([self._hot(self._codes[torch.from_numpy(english)]), self._adopted(pairing, chosen, weight)])
        loss = torch.nn.functional.cross_entropy(scores, labels.to(scores.device))
        if self.plan.strength is None:
            return loss
        rows = self.corpus.n_anchors + len(pairing.selected)
        return loss + linear.weight.square().sum() / (2 * self.plan.strength * rows)

    def _hot(self, codes: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(codes, len(self.corpus.labels)).float()

    def _adopted(self, pairing: Pairing, rows: IntArray, lam: Tensor) -> Tensor:
        """Labels of synthetic items, (s, C); for a head of the target languages alone, each end brings its own."""
        source = self._hot(torch.from_numpy(pairing.label[rows]))
        if self.adopted is None or not self.plan.spares_english:
            return source
        target = torch.from_numpy(self.adopted.posterior[rows].astype(np.float32))
        return lam[:, None] * source + (1 - lam[:, None]) * target

    def _close_epoch(self, state: TrainState) -> None:
        """Refresh, measure, keep the best weights, decide whether to go on, checkpoint."""
        snapshot = self._refresh() if self._refresh else self._start
        if self._refresh:
            state.pairing = self._pair(snapshot)
            state.projection = projection(snapshot.subspaces, self.plan.augment.subspace)
        losses = state.losses[-self._steps(state.epoch) :]
        state.epoch, state.step = state.epoch + 1, 0
        metrics = self._measure(snapshot, state, losses)
        state.curve.append({"epoch": state.epoch, "step": len(state.losses), **metrics})
        if state.epoch > self.plan.english_epochs:
            self._judge(state, metrics)
        self.workspace.save_checkpoint(pack(state, self.student, self._optimizer))
        if state.best:
            self.workspace.forget_best_but(state.best.epoch)
        self.monitor.tell(FineTuneEvent(Stage.TRAIN, len(state.losses), self.total, state.epoch, None, metrics))

    def _measure(self, snapshot: Snapshot, state: TrainState, losses: Sequence[float]) -> dict[str, float]:
        head, codes = head_of(self.student), self.corpus.validation_codes
        validation, target = self.student.judged(snapshot)
        confusion = confusion_matrix(codes, head.predict(validation), len(self.corpus.labels))
        return {
            "loss": float(np.mean(losses)),
            "english_accuracy": accuracy(confusion),
            "english_macro_f1": macro_f1(confusion),
            "agreement": agreement(head.predict(target), state.pairing),
            "coverage": float(state.pairing.summary["coverage"]),
            "selected": float(len(state.pairing.selected)),
        }

    def _judge(self, state: TrainState, metrics: dict[str, float]) -> None:
        """Early stopping on English accuracy and agreement; a target label is never looked at."""
        options = self.plan.options
        allowed = options.max_english_drop * EPOCH_SHARE
        kept = self.plan.spares_english or keeps_english(
            self.plan.english_accuracy, metrics["english_accuracy"], allowed
        )
        now = Best(state.epoch, kept, metrics["english_accuracy"] + metrics["agreement"])
        if state.best is None or state.best.beaten_by(now):
            self.workspace.save_best(state.epoch, Saved(tensors_of("weights", self.student.parameters()), {}))
            state.best, state.stale = now, 0
        else:
            state.stale += 1
        if state.epoch == self._epochs:
            state.stopped = "all epochs done"
        elif options.patience and state.stale >= options.patience:
            state.stopped = f"no improvement in {state.stale} epochs"


def keeps_english(before: float, after: float, max_drop: float) -> bool:
    """The gate: whether English accuracy stays within ``max_drop`` of what it was (rounding errors aside)."""
    return after >= before - max_drop - 1e-9
