"""Whole runs at depth `head`: what is learned, published, told and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.finetuning import make_bundle, pairs, reviews, small, tune
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.derive import bundle_encoder, has_head
from xite_core.bundle.store import BundleStore
from xite_core.encoder.hashing import HashingEncoder
from xite_core.encoder.spec import EncoderSpec, PairMode
from xite_core.errors import AlreadyExistsError, EncoderMismatchError, InputError, OptionError, RowError
from xite_core.finetune.comparison import gate
from xite_core.finetune.corpus import FineTuneInputs
from xite_core.finetune.events import FineTuneCancelled, FineTuneEvent, Stage
from xite_core.finetune.predictor import Predictor
from xite_core.finetune.state import Best
from xite_core.finetune.training import keeps_english
from xite_core.finetune.tuner import FineTuner
from xite_core.options import AugmentOptions
from xite_core.types import Example, SubspaceKind

TEST = reviews(60, "xx", seed=3)


def test_publishes_a_revision_that_predicts(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    result = tune(bundle, tmp_path / "work", home, inputs={"target_test": TEST})
    made = open_bundle(BundleStore(home).directory("base", "tuned"), full_check=True)
    assert has_head(made)
    assert not has_head(bundle)
    assert made.manifest.origin["parent"] == "r1"
    assert made.manifest.head["depth"] == "head"
    assert (made.anchors.matrix == bundle.anchors.matrix).all()
    labels, probabilities = Predictor(made, bundle_encoder(made)).predict(TEST)
    right = np.mean([label == example.label for label, example in zip(labels, TEST, strict=True)])
    assert right == result.report["metrics"]["after"]["target"]["accuracy"] > 0.8
    assert probabilities.shape == (60, 2)
    assert np.allclose(probabilities.sum(1), 1)
    assert [made.labels[code] for code in probabilities.argmax(1)] == labels


def test_artifacts_and_report(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    result = tune(bundle, tmp_path / "work", home, inputs={"target_test": TEST})
    names = [path.name for path in result.artifacts]
    assert names == ["report.json", "curve.json", "curve.png", "model_card.md"]
    report = json.loads(result.artifacts[0].read_text("utf8"))
    assert report == json.loads(json.dumps(result.report))
    assert set(report["metrics"]["after"]) == {"english", "target"}
    assert np.sum(report["metrics"]["before"]["target"]["confusion"]) == 60
    assert report["gate"]["passed"] == result.passed
    assert len(json.loads(result.artifacts[1].read_text("utf8"))["losses"]) == report["curve"][-1]["step"]
    assert result.artifacts[2].read_bytes().startswith(b"\x89PNG")
    assert report["weights_sha256"] in result.artifacts[3].read_text("utf8")
    assert (result.bundle.directory / "report.json").is_file()


def test_events(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    events: list[FineTuneEvent] = []
    result = tune(bundle, tmp_path / "work", home, progress=events.append)
    stages = list(dict.fromkeys(event.stage for event in events))
    assert stages == [Stage.ENCODE, Stage.BASELINE, Stage.TRAIN, Stage.EVALUATE, Stage.PUBLISH]
    steps = [event for event in events if event.loss is not None]
    assert [event.step for event in steps] == list(range(1, steps[0].of + 1))
    ends = [event for event in events if event.metrics]
    assert [event.epoch for event in ends] == [entry["epoch"] for entry in result.report["curve"]]
    assert json.loads(json.dumps(steps[0].as_dict()))["stage"] == "train"


def weights(result: Any) -> str:
    return str(result.report["weights_sha256"])


def test_seeds_repeat(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    runs = [
        tune(bundle, tmp_path / f"w{i}", home, small(seed=seed, augment=AugmentOptions(alpha=0.4)), revision=f"s{i}")
        for i, seed in enumerate((1, 1, 2))
    ]
    assert weights(runs[0]) == weights(runs[1]) != weights(runs[2])


def test_full_replay_is_training_on_english_alone(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    options = small(replay=1.0, epochs=1)
    one = tune(bundle, tmp_path / "a", home, options, revision="a")
    other = tune(bundle, tmp_path / "b", home, options, revision="b", target=reviews(33, "xx", 8, labeled=False))
    assert weights(one) == weights(other)


def test_lam_one_sees_nothing_of_the_target_vectors(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    runs = [
        tune(bundle, tmp_path / kind, home, small(augment=AugmentOptions(lam=lam, subspace=kind)), revision=name)
        for name, lam, kind in (
            ("a", 1.0, SubspaceKind.NONE),
            ("b", 1.0, SubspaceKind.RICH),
            ("c", 0.5, SubspaceKind.NEUTRAL),
        )
    ]
    assert weights(runs[0]) == weights(runs[1]) != weights(runs[2])


def test_target_labels_are_never_looked_at(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    text = reviews(60, "xx")
    wrong = [Example(e.text, label="positive", lang=e.lang) for e in text]
    bare = [Example(e.text, lang=e.lang) for e in text]
    runs = [tune(bundle, tmp_path / n, home, target=rows, revision=n) for n, rows in (("a", wrong), ("b", bare))]
    assert weights(runs[0]) == weights(runs[1])


def test_extra_english_rows_join_the_anchors(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    extra = [Example(e.text, label=e.label, id=f"extra-{i}") for i, e in enumerate(reviews(30, seed=9))]
    made = tune(bundle, tmp_path / "w", home, inputs={"source": extra}).bundle
    assert made.manifest.counts == {"anchors": len(bundle.anchors) + 30, "validation": 37}
    assert set(made.anchors.examples.rows_of(["extra-0", "extra-29"])) == {"extra-0", "extra-29"}
    assert (made.anchors.vectors[: len(bundle.anchors)] == bundle.anchors.vectors).all()
    assert made.validation() is not None


def test_a_tuned_revision_can_be_tuned_again(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    first = tune(bundle, tmp_path / "a", home, revision="a").bundle
    second = tune(first, tmp_path / "b", home, revision="b").bundle
    assert second.manifest.origin["parent"] == "a"
    assert has_head(second)


def test_several_languages_are_told_apart(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    target = [*reviews(40, "xx", labeled=False), *reviews(40, "en", 6, labeled=False)]
    test = [*TEST, *reviews(20, "en", 7)]
    report = tune(bundle, tmp_path / "w", home, target=target, inputs={"target_test": test}).report
    assert report["rows"]["target"] == {"en": 40, "xx": 40}
    assert set(report["metrics"]["after"]) == {"english", "target", "target_en", "target_xx"}


@pytest.mark.parametrize("mode", list(PairMode))
def test_pairs(mode: PairMode, tmp_path: Path, home: Path) -> None:
    encoder = HashingEncoder(EncoderSpec("hashing", max_tokens=512, pairs=mode), 64)
    bundle = make_bundle(home, encoder, pairs(120), name="nli")
    unlabeled, test = pairs(40, "xx", 2, labeled=False), pairs(40, "xx", 3)
    result = tune(bundle, tmp_path / "w", home, encoder=encoder, target=unlabeled, inputs={"target_test": test})
    labels, _ = Predictor(result.bundle, encoder).predict(test)
    assert set(labels) <= {"yes", "no"}
    with pytest.raises(RowError, match="text pairs"):
        Predictor(result.bundle, encoder).predict(TEST)


def test_cancel_keeps_what_was_done(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    steps = 0

    def count(event: FineTuneEvent) -> None:
        nonlocal steps
        steps += event.loss is not None

    with pytest.raises(FineTuneCancelled):
        tune(bundle, tmp_path / "w", home, progress=count, cancelled=lambda: steps >= 3, checkpoint_seconds=0)
    assert steps == 3
    assert not BundleStore(home).revisions("base")
    resumed = tune(bundle, tmp_path / "w", home)
    assert weights(resumed) == weights(tune(bundle, tmp_path / "other", home, revision="other"))


def test_an_active_bundle_without_head_cannot_predict(bundle: Bundle) -> None:
    with pytest.raises(InputError, match="has no head"):
        Predictor(bundle, HashingEncoder())


def test_early_stop_without_improvement(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    report = tune(bundle, tmp_path / "w", home, small(epochs=50, patience=1, lr=1e-7)).report
    assert report["best_epoch"] == 1
    assert len(report["curve"]) == 2
    assert "no improvement" in report["stopped"]


def test_gate() -> None:
    assert keeps_english(0.90, 0.89, 0.01)
    assert not keeps_english(0.90, 0.8899, 0.01)
    assert keeps_english(0.5, 0.5, 0.0)
    figures = {"before": {"english": {"accuracy": 0.8}}, "after": {"english": {"accuracy": 0.7}}}
    assert not gate({"metrics": figures}, 0.05)["passed"]
    assert gate({"metrics": figures}, 0.2)["floor"] == pytest.approx(0.6)


def test_a_failed_gate_still_publishes(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    # the head is thrown off by one huge step
    result = tune(bundle, tmp_path / "w", home, small(epochs=1, lr=10.0, clip_norm=1e6, max_english_drop=0.0, warmup=0))
    after = result.report["metrics"]["after"]["english"]["accuracy"]
    assert result.passed == (after >= result.report["metrics"]["before"]["english"]["accuracy"])
    assert has_head(result.bundle)


def test_an_epoch_that_keeps_english_beats_one_that_does_not() -> None:
    kept, lost, better = Best(1, True, 1.0), Best(2, False, 1.9), Best(3, True, 1.1)
    assert not kept.beaten_by(lost)
    assert lost.beaten_by(kept)
    assert kept.beaten_by(better)
    assert not better.beaten_by(better)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"target": []}, InputError, "no target texts"),
        ({"inputs": {"target_test": [Example("x", label="neutral")]}}, RowError, "unknown label 'neutral'.*negative"),
        ({"inputs": {"target_test": [Example("x")]}}, RowError, "unknown label None"),
        ({"inputs": {"source": [Example("x", label="new")]}}, RowError, "source, item 0"),
        ({"inputs": {"source": [Example("x", label="positive", id="row-0")]}}, RowError, "taken"),
        ({"target": [Example("a", "b")]}, RowError, "single texts"),
        ({"encoder": HashingEncoder(dimension=64)}, EncoderMismatchError, "built with"),
        ({"options": small(depth="top:1")}, OptionError, "no layers"),
        ({"options": small(augment=AugmentOptions(k=250))}, OptionError, "at most"),
        ({"options": small(augment=AugmentOptions(min_score=9.0))}, InputError, "no match for language 'xx'"),
        ({"target": [Example("good great lovely", lang="xx")]}, InputError, "one class"),
    ],
)
def test_refusals(changes: dict[str, Any], error: type[Exception], match: str, bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(error, match=match):
        tune(bundle, tmp_path / "w", tmp_path / "home", **changes)
    assert not BundleStore(tmp_path / "home").names()


def test_held_out_rows_are_needed(tmp_path: Path, home: Path) -> None:
    with pytest.raises(InputError, match="no held-out English rows"):
        tune(make_bundle(home, validation=0), tmp_path / "w", home)


def test_a_taken_revision_is_not_replaced(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    first = tune(bundle, tmp_path / "w", home, revision="r9")
    same = tune(bundle, tmp_path / "again", home, revision="r9")
    assert same.bundle.manifest.created_at == first.bundle.manifest.created_at
    with pytest.raises(AlreadyExistsError):
        tune(bundle, tmp_path / "x", home, small(seed=99), revision="r9")


def test_names_are_checked_before_anything_is_done(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    inputs = FineTuneInputs(bundle, HashingEncoder(), reviews(10, "xx"))
    with pytest.raises(OptionError, match="bundle"):
        FineTuner(inputs, small(), tmp_path / "w").run(BundleStore(home), "../x")
    with pytest.raises(OptionError, match="revision"):
        FineTuner(inputs, small(), tmp_path / "w").run(BundleStore(home), "x", "..")
