"""Fine-tuning from end to end: prepare, train, evaluate, publish. Knows no HTTP, no queue, no environment."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xite_core.bundle.build import new_revision
from xite_core.bundle.bundle import Bundle
from xite_core.bundle.store import BundleStore, check_name
from xite_core.encoder.saving import save_encoder
from xite_core.encoder.spec import PairMode
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.finetune.adoption import Adopted, adopt, with_lexicon
from xite_core.finetune.artifacts import write_artifacts
from xite_core.finetune.comparison import ENGLISH_ROWS, TARGET_ROWS, ScoredRows, clusters_of, compare, gate
from xite_core.finetune.corpus import (
    Corpus,
    FineTuneInputs,
    Snapshot,
    anchor_examples,
    fresh_snapshot,
    gather,
    pool_texts,
)
from xite_core.finetune.events import CancelCheck, FineTuneEvent, Monitor, Progress, Stage
from xite_core.finetune.options import FineTuneOptions
from xite_core.finetune.prepare import Prepared, prepare
from xite_core.finetune.publishing import Outcome, publish, weights_hash
from xite_core.finetune.state import TrainState
from xite_core.finetune.student import EncoderStudent, HeadStudent, Student, chosen_device, own_encoder
from xite_core.finetune.targeted import centred_student
from xite_core.finetune.training import CHECKPOINT_SECONDS, Plan, Trainer
from xite_core.finetune.workspace import ENCODER, Workspace, identity_of
from xite_core.lexicon import Bag, bag_of
from xite_core.types import Example, FloatArray

Refresh = Callable[[], Snapshot]

WORDED = 20_000
"""English anchors whose words the lexicon knows, at most."""


@dataclass(frozen=True, slots=True)
class FineTuneResult:
    """What a run gave.

    Parameters
    ----------
    bundle : Bundle
        The published revision, opened; it is not activated.
    report : dict
        Metrics before and after, gains with intervals, gate, matches, options, learning curve.
    artifacts : list of Path
        report.json, curve.json, curve.png, model_card.md in the work directory.
    """

    bundle: Bundle
    report: dict[str, Any]
    artifacts: list[Path]

    @property
    def passed(self) -> bool:
        """Whether the gate on English accuracy passed."""
        return bool(self.report["gate"]["passed"])


class FineTuner:
    """Fine-tunes one bundle on unlabeled target texts.

    A run that ended anywhere goes on from its last checkpoint when it is run again with the same inputs, options and
    work directory; the result is the one of an undisturbed run. Other inputs or options start anew there.

    Parameters
    ----------
    inputs : FineTuneInputs
        Bundle, encoder and rows.
    options : FineTuneOptions
        Hyper-parameters.
    workspace : Path
        Directory for checkpoints and artifacts; one run at a time.
    progress : callable, optional
        Called with a `FineTuneEvent` after every step.
    cancelled : callable, optional
        Asked at every step; where it is true the run ends with `FineTuneCancelled`.
    checkpoint_seconds : float
        Time between checkpoints within an epoch.

    Raises
    ------
    InputError
        If the rows do not do; see `gather`.
    OptionError
        If the depth does not fit the encoder, k is larger than the bundle, or there is no GPU (or no peft, for
        adapters) where one is asked for.
    EncoderMismatchError
        If the bundle was built with another encoder.
    """

    def __init__(
        self,
        inputs: FineTuneInputs,
        options: FineTuneOptions,
        workspace: Path,
        *,
        progress: Progress | None = None,
        cancelled: CancelCheck | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        self.inputs, self.options = inputs, options
        self.augment = options.augment or inputs.bundle.options
        self.corpus: Corpus = gather(inputs)
        self._own = own_encoder(inputs.encoder, options) if options.moves_encoder else None
        identity = identity_of(inputs, self.corpus, options, self.augment)
        self.run_id = hashlib.sha256(identity.encode()).hexdigest()
        self.workspace = Workspace(workspace, identity)
        self._monitor = Monitor(progress, cancelled)
        self._seconds = checkpoint_seconds

    def run(
        self, store: BundleStore, name: str, revision: str | None = None, origin: Mapping[str, Any] | None = None
    ) -> FineTuneResult:
        """Fine-tune, evaluate and publish.

        Parameters
        ----------
        store : BundleStore
            Where the result is published.
        name : str
            The bundle's name; that of the parent makes it a new revision of the parent.
        revision : str, optional
            The revision's name; made up where not given.
        origin : mapping, optional
            What the manifest is to say of the origin beside the run, as JSON values.

        Raises
        ------
        InputError
            If a language has no match, or all matched texts adopted one label.
        FineTuneCancelled
            If the caller's check says so.
        AlreadyExistsError
            If another run has published that revision.
        StorageError
            If the disk refuses.
        """
        check_name(name)
        revision = check_name(revision or new_revision(), "revision")
        start = time.perf_counter()
        prepared = prepare(self.inputs, self.corpus, self.workspace, self._monitor)
        trained_from = time.perf_counter()
        state, outcome = self._train(prepared)
        trained_to = time.perf_counter()
        self._monitor.tell(FineTuneEvent(Stage.EVALUATE, 0, 1))
        report = {
            "bundle": name,
            "revision": revision,
            **self._facts(prepared, state, outcome),
            **self._comparison(prepared, outcome),
        }
        report["gate"] = gate(report, self.options.max_english_drop)
        report["seconds"] = {
            "prepare": trained_from - start,
            "train": trained_to - trained_from,
            "evaluate": time.perf_counter() - trained_to,
        }
        files = write_artifacts(self.workspace.artifacts, report, state.losses)
        self._monitor.tell(FineTuneEvent(Stage.EVALUATE, 1, 1))
        self._monitor.tell(FineTuneEvent(Stage.PUBLISH, 0, 1))
        head = {key: report[key] for key in ("depth", "weights_sha256", "gate")}
        facts = {"head": head, "origin": {**(origin or {}), "run": self.run_id, "kind": "finetune"}}
        shown = [path for path in files if path.suffix in (".json", ".md") and path.name != "curve.json"]
        bundle = publish(store, name, revision, self.inputs.bundle, self.corpus, outcome, facts, shown)
        self._monitor.tell(FineTuneEvent(Stage.PUBLISH, 1, 1))
        return FineTuneResult(bundle, report, files)

    def _plan(self, prepared: Prepared) -> Plan:
        english = self.options.english_epochs
        if english is None:
            joint = self.inputs.bundle.manifest.pairs and self.inputs.encoder.spec.pairs is PairMode.JOINT
            english = int(joint and self.options.moves_encoder)
        right = prepared.head.predict(prepared.snapshot.validation) == self.corpus.validation_codes
        return Plan(self.options, self.augment, english, prepared.languages, float(np.mean(right)))

    def _train(self, prepared: Prepared) -> tuple[TrainState, Outcome]:
        plan, adopted = self._plan(prepared), self._adopt(prepared)
        if self._own is None:
            return self._train_head(prepared, plan, adopted)
        own, seed = self._own, self.options.seed
        anchors = anchor_examples(self.inputs.bundle, self.corpus)
        pool = pool_texts(self.inputs, self.corpus, prepared.languages, seed)
        student = EncoderStudent(prepared.head, own, self.options, anchors, self.corpus.target)

        def refresh() -> Snapshot:
            own.model.eval()
            return fresh_snapshot(own, self.corpus, anchors, pool, self._monitor, seed)

        state, head = self._trainer(student, plan, prepared, refresh, adopted).run()
        student.merge()
        files = self.workspace.directory / ENCODER
        spec = save_encoder(own, files, self.options.encoder_dtype)
        # read back: what is measured and indexed is what is published
        device = chosen_device(self.options.device)
        stored = TransformersEncoder(spec, files, token_budget=own.token_budget, device=device)
        snapshot = fresh_snapshot(stored, self.corpus, anchors, pool, self._monitor, seed)
        return state, Outcome(
            with_lexicon(head, adopted, snapshot.target, self._bag(self.corpus.target)),
            stored,
            files,
            snapshot,
            anchors,
        )

    def _adopt(self, prepared: Prepared) -> Adopted | None:
        """Labels for the target texts before training, where the vote does not give them."""
        how = self.options.adopting
        if how is None:
            return None
        english = self.inputs.bundle.anchors.examples
        some = np.random.default_rng(self.options.seed).permutation(len(english))[:WORDED]
        bags = self._bag(english.take(np.sort(some))), self._bag(self.corpus.target)
        snapshot = prepared.snapshot
        return adopt((prepared.head, prepared.centred), snapshot.target, prepared.languages, bags, how)

    def _bag(self, examples: Sequence[Example]) -> Bag:
        return bag_of(self.inputs.encoder.tokenize(examples).ids, len(examples))

    def _train_head(self, prepared: Prepared, plan: Plan, adopted: Adopted | None) -> tuple[TrainState, Outcome]:
        snapshot, place = prepared.snapshot, None
        student = HeadStudent(prepared.head, snapshot.anchors, snapshot.target)
        if adopted is not None and adopted.lexicon is not None:
            student, plan, place = centred_student(prepared, plan)
        state, head = self._trainer(student, plan, prepared, None, adopted).run()
        if place is not None:
            bag = self._bag(self.corpus.target)
            head = with_lexicon(place.leave(head), adopted, snapshot.target, bag, prepared.head)
        anchors = anchor_examples(self.inputs.bundle, self.corpus) if self.corpus.source else []
        return state, Outcome(head, self.inputs.encoder, None, snapshot, anchors)

    def _trainer(
        self, student: Student, plan: Plan, prepared: Prepared, refresh: Refresh | None, adopted: Adopted | None
    ) -> Trainer:
        return Trainer(
            student,
            self.corpus,
            plan,
            prepared.snapshot,
            refresh,
            self.workspace,
            self._monitor,
            self._seconds,
            adopted,
        )

    def _comparison(self, prepared: Prepared, outcome: Outcome) -> dict[str, Any]:
        """Metrics of the English head before and of the tuned model after, on the same rows."""
        corpus = self.corpus
        rows = {ENGLISH_ROWS: (corpus.validation, corpus.validation_codes, prepared.snapshot.validation)}
        vectors: dict[str, FloatArray] = {ENGLISH_ROWS: outcome.snapshot.validation}
        if corpus.test:
            moved = outcome.encoder_files is not None
            recoded = self._monitor.encode(outcome.encoder, corpus.test, Stage.EVALUATE) if moved else prepared.test
            pool = self.inputs.bundle.pool
            languages = [pool.language_of(example) or "" for example in corpus.test]
            for name, chosen in {TARGET_ROWS: None, **_by_language(languages)}.items():
                keep = np.arange(len(corpus.test)) if chosen is None else chosen
                test = [corpus.test[i] for i in keep]
                rows[name] = (test, corpus.test_codes[keep], prepared.test[keep])
                vectors[name] = recoded[keep]
        tested = {
            name: ScoredRows(codes, prepared.head.probabilities(before), clusters_of(examples))
            for name, (examples, codes, before) in rows.items()
        }
        after = {name: outcome.head.probabilities(part, self._bag(rows[name][0])) for name, part in vectors.items()}
        return compare(tested, after, self.options.seed)

    def _facts(self, prepared: Prepared, state: TrainState, outcome: Outcome) -> dict[str, Any]:
        parent, best = self.inputs.bundle, state.best
        return {
            "parent": {"name": parent.name, "revision": parent.revision},
            "run": self.run_id,
            "encoder": parent.manifest.encoder["name"],
            "depth": self.options.depth,
            "labels": list(self.corpus.labels),
            "options": {**replace(self.options, augment=self.augment).as_dict(), "lr": self.options.rate},
            "baseline_strength": prepared.strength,
            "rows": {
                "english": self.corpus.n_anchors,
                "english_held_out": len(self.corpus.validation),
                "target": dict(sorted(Counter(prepared.languages).items())),
                "target_test": len(self.corpus.test),
                "target_unreadable": self.corpus.unreadable,
            },
            "matches": state.pairing.summary,
            "curve": state.curve,
            "best_epoch": best.epoch if best else None,
            "stopped": state.stopped,
            "weights_sha256": weights_hash(outcome),
        }


def _by_language(languages: list[str]) -> dict[str, Any]:
    """Positions of each language's rows, where there are several languages."""
    names = sorted(set(languages) - {""})
    if len(names) < 2:
        return {}
    return {f"{TARGET_ROWS}_{name}": np.flatnonzero(np.array(languages) == name) for name in names}
