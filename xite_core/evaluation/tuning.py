"""Choose the options of matching and interpolation for a language without a target label (ours).

What stands in for the labels is the distribution that two views of each text give (`finetune.adoption`): of all that is
known without target labels it is nearest to them. A choice replaces the default only where it is better by more than
one standard error, so that chance does not choose. English is kept: a choice whose head loses more than allowed on the
held-out English rows is passed over.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xite_core.bundle.build import new_revision
from xite_core.bundle.bundle import Bundle
from xite_core.bundle.derive import HEAD_FILE, Derivation, has_head, publish_derived
from xite_core.bundle.store import BundleStore
from xite_core.finetune.adoption import Adopted, Adoption, AdoptionOptions, adopt
from xite_core.finetune.corpus import FineTuneInputs, anchor_examples, gather
from xite_core.finetune.events import Monitor
from xite_core.finetune.options import FineTuneOptions
from xite_core.finetune.prepare import prepare
from xite_core.finetune.student import HeadStudent
from xite_core.finetune.training import Plan, Trainer
from xite_core.finetune.workspace import Workspace
from xite_core.lexicon import bag_of
from xite_core.matching import Matcher, occurrence_skewness
from xite_core.options import AugmentOptions
from xite_core.types import BoolArray

MATCHING: dict[str, tuple[Any, ...]] = {
    "scoring": ("cosine", "margin", "csls"),
    "k": (4, 8, 16, 32),
    "tau": (0.02, 0.05, 0.1),
}
"""The grid of matching."""

CONFIDENCES = (None, 0.6, 0.7, 0.8, 0.9)
LEARNING: dict[str, tuple[Any, ...]] = {"subspace": ("none", "rich", "neutral"), "lam": (0.3, 0.5, 0.7)}
"""The grid of interpolation, at the default replay; then `REPLAY` at the best of them."""

REPLAY = (0.25, 0.5, 0.75)

Expected = npt.NDArray[np.float64]
Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was chosen.

    Parameters
    ----------
    options : AugmentOptions
        For the bundle.
    replay : float
        For fine-tuning.
    tried : list of dict
        Every choice with its expected accuracy.
    """

    options: AugmentOptions
    replay: float
    tried: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Give the fields as JSON values."""
        return {"options": self.options.as_dict(), "replay": self.replay, "tried": self.tried}


class Tuner:
    """Chooses options for one bundle and the texts of the target languages.

    Parameters
    ----------
    inputs : FineTuneInputs
        Bundle, encoder, unlabeled target texts.
    workspace : Path
        Working files; removed when done.
    told : callable, optional
        Told of progress.

    Raises
    ------
    InputError
        If the rows do not do; see `gather`.
    """

    def __init__(self, inputs: FineTuneInputs, workspace: Path, told: Told | None = None) -> None:
        self.inputs, self.workspace = inputs, workspace
        self.corpus = gather(inputs)
        self._told: Told = told or (lambda stage, done, of: None)
        self._tried: list[dict[str, Any]] = []

    def run(self) -> Tuned:
        """Try the grids and choose."""
        self._told("encoding", 0, 1)
        self._prepared = prepare(self.inputs, self.corpus, Workspace(self.workspace / "start", "tune"), Monitor())
        self._posterior = self._proxy()
        options = self._threshold(self._matching(self.inputs.bundle.options))
        chosen = self._learning(options)
        shutil.rmtree(self.workspace, ignore_errors=True)
        return chosen

    def _proxy(self) -> Adopted:
        snapshot, encoder = self._prepared.snapshot, self.inputs.encoder
        parts = anchor_examples(self.inputs.bundle, self.corpus), self.corpus.target
        bags = tuple(bag_of(encoder.tokenize(part).ids, len(part)) for part in parts)
        defaults = FineTuneOptions()
        how = AdoptionOptions(Adoption.VIEWS, defaults.rounds, defaults.lexicon, defaults.prior)
        languages = self._prepared.languages
        return adopt(self._prepared.head, snapshot.anchors, snapshot.target, languages, (bags[0], bags[1]), how)

    def _matching(self, start: AugmentOptions) -> AugmentOptions:
        size = self._prepared.snapshot.index.ntotal
        grid = [
            start.replaced(dict(zip(MATCHING, values, strict=True)))
            for values in product(*MATCHING.values())
            if values[1] <= size
        ]
        best: AugmentOptions = self._best("matching", [start, *grid], self._vote)
        return best

    def _vote(self, options: AugmentOptions) -> tuple[Expected, dict[str, float]]:
        table = self._match(options)
        occurrences = np.bincount(table.rows.ravel(), minlength=self._prepared.snapshot.index.ntotal)
        return self._expected(table.label), {"hubness": occurrence_skewness(occurrences)}

    def _match(self, options: AugmentOptions) -> Any:
        snapshot = self._prepared.snapshot
        matcher = Matcher(snapshot.index, len(self.corpus.labels))
        return matcher.match(snapshot.target, snapshot.pool.columns(self._prepared.languages), options)

    def _threshold(self, options: AugmentOptions) -> AugmentOptions:
        """The confidence with the most information in what is left: coverage by squared skill."""
        table = self._match(replace(options, min_confidence=None))
        expected, chance = self._expected(table.label), 1 / len(self.corpus.labels)
        best, most = options.min_confidence, -1.0
        for threshold in CONFIDENCES:
            kept: BoolArray = table.confidence >= (threshold or 0.0)
            skill = max(float(expected[kept].mean()) - chance, 0.0) if kept.any() else 0.0
            worth = float(kept.mean()) * skill**2
            self._tried.append({"stage": "threshold", "min_confidence": threshold, "coverage": float(kept.mean()),
                                "expected_accuracy": skill + chance})  # fmt: skip
            if worth > most * 1.02:
                best, most = threshold, worth
        return replace(options, min_confidence=best)

    def _learning(self, options: AugmentOptions) -> Tuned:
        half: BoolArray = np.random.default_rng(0).random(len(self.corpus.target)) < 0.5
        replay = FineTuneOptions().replay
        grid = [options.replaced(dict(zip(LEARNING, values, strict=True))) for values in product(*LEARNING.values())]
        best = self._best("learning", [options, *grid], lambda each: self._head(each, replay, half))
        replays = self._best(
            "replay", list(dict.fromkeys((replay, *REPLAY))), lambda each: self._head(best, float(each), half)
        )
        return Tuned(best, float(replays), self._tried)

    def _head(self, augment: AugmentOptions, replay: float, half: BoolArray) -> tuple[Expected, dict[str, float]]:
        """Train on one half of the texts, expect on the other."""
        prepared, rows = self._prepared, np.flatnonzero(half)
        snapshot = replace(prepared.snapshot, target=prepared.snapshot.target[rows])
        corpus = replace(self.corpus, target=[self.corpus.target[row] for row in rows])
        options = FineTuneOptions(augment=replace(augment, min_confidence=None), replay=replay)
        english = self._english(prepared.head)
        languages = [prepared.languages[row] for row in rows]
        plan = Plan(options, options.augment or augment, 0, languages, english)
        student = HeadStudent(prepared.head, np.asarray(snapshot.anchors), np.asarray(snapshot.target))
        work = Workspace(self.workspace / "run", str(options.as_dict()))
        adopted = Adopted(self._posterior.posterior[rows], None)
        head = Trainer(student, corpus, plan, snapshot, None, work, Monitor(), adopted=adopted).run()[1]
        work.clean()
        expected = self._expected(head.predict(np.asarray(prepared.snapshot.target)))[~half]
        return expected, {"english_drop": english - self._english(head)}

    def _english(self, head: Any) -> float:
        right = head.predict(self._prepared.snapshot.validation) == self.corpus.validation_codes
        return float(np.mean(right))

    def _expected(self, label: Any) -> Expected:
        """Probability, by the two views, that each text has the label."""
        return np.asarray(self._posterior.posterior[np.arange(len(label)), label], np.float64)

    def _best(self, stage: str, choices: list[Any], measure: Callable[[Any], tuple[Expected, dict[str, float]]]) -> Any:
        """The choice with the highest expectation, if it beats the first one by more than a standard error."""
        allowed = FineTuneOptions().max_english_drop
        best, first, highest = choices[0], np.zeros(0), -1.0
        for i, choice in enumerate(choices):
            self._told(stage, i, len(choices))
            expected, facts = measure(choice)
            if not i:
                first, highest = expected, float(expected.mean())
            difference = expected - first
            error = float(difference.std() / np.sqrt(max(len(expected), 1)))
            value = float(expected.mean())
            shown = choice.as_dict() if isinstance(choice, AugmentOptions) else {"replay": choice}
            self._tried.append({"stage": stage, **shown, "expected_accuracy": value, **facts})
            kept = facts.get("english_drop", 0.0) <= allowed
            if kept and value > highest and float(difference.mean()) > error:
                best, highest = choice, value
        self._told(stage, len(choices), len(choices))
        return best


def publish_options(store: BundleStore, bundle: Bundle, tuned: Tuned) -> Bundle:
    """Publish a revision of the bundle with the chosen options; it is not activated.

    Raises
    ------
    StorageError
        If the disk refuses.
    """

    def fill(directory: Path) -> None:
        if has_head(bundle):
            shutil.copyfile(bundle.directory / HEAD_FILE, directory / HEAD_FILE)

    origin: Mapping[str, Any] = {"kind": "tune", "replay": tuned.replay}
    derivation = Derivation(bundle, bundle.manifest.head, origin, fill, options=tuned.options)
    return publish_derived(store, bundle.name, new_revision(), derivation)
