"""Choose the options of matching and interpolation for a language without a target label (ours).

What stands in for the labels is the distribution that two views of each text give (`finetune.adoption`): of all that is
known without target labels it is nearest to them. A choice replaces the default only where it is better by more than
one standard error, so that chance does not choose. The subspace is for what ``/augment`` hands out and for the depths
and adoptions where one head serves all languages: a choice whose head loses more English than allowed is passed over.
"""

from __future__ import annotations

import hashlib
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
from xite_core.finetune.centring import by_language
from xite_core.finetune.corpus import FineTuneInputs, anchor_examples, gather
from xite_core.finetune.events import Monitor
from xite_core.finetune.head import Head
from xite_core.finetune.options import FineTuneOptions
from xite_core.finetune.prepare import Prepared, prepare
from xite_core.finetune.student import HeadStudent
from xite_core.finetune.targeted import centred_student
from xite_core.finetune.training import Plan, Trainer
from xite_core.finetune.workspace import Workspace
from xite_core.lexicon import bag_of
from xite_core.matching import Matcher, occurrence_skewness
from xite_core.options import AugmentOptions
from xite_core.types import BoolArray, IntArray

MATCHING: dict[str, tuple[Any, ...]] = {
    "scoring": ("cosine", "margin", "csls"),
    "k": (4, 8, 16, 32),
    "tau": (0.02, 0.05, 0.1),
}
"""The grid of matching."""

CONFIDENCES = (None, 0.6, 0.7, 0.8, 0.9)
SUBSPACES = ("none", "rich", "neutral")
LAMS = (0.1, 0.3, 0.5, 0.7)
REPLAY = (0.25, 0.5, 0.75)
"""The grids of interpolation, each at the best of the one before it."""

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
        self._prepared = prepare(
            self.inputs, self.corpus, Workspace(self.workspace / "start", self._identity()), Monitor()
        )
        self._posterior = self._proxy()
        options = self._threshold(self._matching(self.inputs.bundle.options))
        chosen = self._learning(options)
        shutil.rmtree(self.workspace, ignore_errors=True)
        return chosen

    def _identity(self) -> str:
        bundle, total = self.inputs.bundle, hashlib.sha256()
        for row in self.corpus.target:
            total.update(f"{row.lang}\x00{row.text}\x00{row.text_pair}\x00".encode("utf8", "surrogatepass"))
        return f"tune {bundle.name} {bundle.revision} {total.hexdigest()}"

    def _proxy(self) -> Adopted:
        snapshot, encoder = self._prepared.snapshot, self.inputs.encoder
        parts = anchor_examples(self.inputs.bundle, self.corpus), self.corpus.target
        bags = tuple(bag_of(encoder.tokenize(part).ids, len(part)) for part in parts)
        defaults = FineTuneOptions()
        how = AdoptionOptions(Adoption.VIEWS, defaults.rounds, defaults.lexicon, defaults.prior)
        languages = self._prepared.languages
        return adopt((self._prepared.head, self._prepared.centred), snapshot.target, languages, (bags[0], bags[1]), how)

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
        replay, subspaces = FineTuneOptions().replay, [options.replaced({"subspace": kind}) for kind in SUBSPACES]
        best = self._best(
            "subspace", list(dict.fromkeys([options, *subspaces])), lambda each: self._head(each, replay, centred=False)
        )
        lams = list(dict.fromkeys([best, *(best.replaced({"lam": lam}) for lam in LAMS)]))
        best = self._best("lam", lams, lambda each: self._head(each, replay))
        replays = list(dict.fromkeys((replay, *REPLAY)))
        return Tuned(best, self._best("replay", replays, lambda each: self._head(best, each)), self._tried)

    def _head(
        self, augment: AugmentOptions, replay: float, *, centred: bool = True
    ) -> tuple[Expected, dict[str, float]]:
        """Train on one half of the texts, expect on the other: as fine-tuning does, or where the subspace matters."""
        half: BoolArray = np.random.default_rng(0).random(len(self.corpus.target)) < 0.5
        prepared = _part(self._prepared, np.flatnonzero(half))
        corpus = replace(self.corpus, target=[self.corpus.target[row] for row in np.flatnonzero(half)])
        options = FineTuneOptions(augment=replace(augment, min_confidence=None), replay=replay)
        snapshot, judged = prepared.snapshot, np.asarray(self._prepared.snapshot.target)
        english = self._english(prepared.head)
        plan = Plan(options, options.augment or augment, 0, prepared.languages, english)
        student = HeadStudent(prepared.head, np.asarray(snapshot.anchors), np.asarray(snapshot.target))
        if centred:
            student, plan, _ = centred_student(prepared, plan)
            judged = by_language(judged, self._prepared.languages)
        work = Workspace(self.workspace / "run", f"{options.as_dict()} {centred}")
        adopted = Adopted(self._posterior.posterior[half], None)
        head = Trainer(student, corpus, plan, snapshot, None, work, Monitor(), adopted=adopted).run()[1]
        work.clean()
        drop = 0.0 if centred else english - self._english(head)
        return self._expected(head.predict(judged))[~half], {"english_drop": drop}

    def _english(self, head: Head) -> float:
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


def _part(prepared: Prepared, rows: IntArray) -> Prepared:
    """The same with some of the target texts."""
    snapshot = replace(prepared.snapshot, target=prepared.snapshot.target[rows])
    return replace(prepared, snapshot=snapshot, languages=[prepared.languages[row] for row in rows])


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
