"""Whole evaluations of a small world: what the report says, what is kept, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.finetuning import pairs, reviews
from tests.support.tiny_encoder import make_tiny_xlmr
from xite_core.encoder.hashing import HashingEncoder
from xite_core.encoder.protocol import Encoder
from xite_core.encoder.spec import EncoderSpec
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.errors import InputError, OptionError
from xite_core.evaluation.cache import CachedEncoder
from xite_core.evaluation.data import EvaluationInputs, checked
from xite_core.evaluation.study import EvaluationOptions, evaluate
from xite_core.types import Example, FloatArray

QUICK = EvaluationOptions(seeds=2, quick=True)


def inputs(**changes: Any) -> EvaluationInputs:
    given = EvaluationInputs(
        source=reviews(160),
        unlabeled=reviews(120, "xx", 1),
        test=reviews(60, "xx", 2),
        lang="xx",
        encoder=HashingEncoder(),
        english_test=reviews(140, seed=3),
        task="reviews",
    )
    return replace(given, **changes)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    directory = tmp_path_factory.mktemp("evaluation")
    return directory, evaluate(inputs(), QUICK, directory)


def entry(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in report["variants"] if entry["name"] == name)


def test_report_has_what_other_programs_read(done: tuple[Path, dict[str, Any]]) -> None:
    directory, report = done
    assert json.loads((directory / "report.json").read_text("utf8")) == json.loads(json.dumps(report))
    assert (report["task"], report["lang"], report["encoder"], report["seeds"]) == ("reviews", "xx", "hashing", 2)
    names = [variant["name"] for variant in report["variants"]]
    assert names == ["zero_shot", "zero_shot_centred", "xite", "xite_rich", "xite_views"]
    assert report["default"] in names
    for variant in report["variants"]:
        assert variant["depth"] == "head"
        for part in ("target", "english"):
            for metric in ("accuracy", "macro_f1"):
                interval = variant[part][metric]
                assert 0 <= interval["low"] <= interval["mean"] <= interval["high"] <= 1
        assert set(variant["gain"]) >= {"absolute", "relative", "low", "high", "p_value", "over"}


def test_gain_is_over_the_better_zero_shot_model(done: tuple[Path, dict[str, Any]]) -> None:
    _, report = done
    rivals = {name: entry(report, name)["target"]["macro_f1"]["mean"] for name in ("zero_shot", "zero_shot_centred")}
    better = max(rivals.values())
    for variant in report["variants"]:
        gain = variant["target"]["macro_f1"]["mean"] - better
        assert variant["gain"]["absolute"] == pytest.approx(gain)
        assert variant["gain"]["relative"] == pytest.approx(gain / better)
    assert min(abs(entry(report, name)["gain"]["absolute"]) for name in rivals) == 0


def test_tables_and_page_show_every_variant(done: tuple[Path, dict[str, Any]]) -> None:
    directory, report = done
    text, page = ((directory / name).read_text("utf8") for name in ("report.md", "report.html"))
    for variant in report["variants"]:
        assert variant["name"] in text
        assert variant["name"] in page
    assert page.count("data:image/png;base64,") == 3  # no sweep over lam in the quick form
    assert "http" not in page


class Counting:
    """Counts the texts that are encoded."""

    def __init__(self) -> None:
        self.encoder: Encoder = HashingEncoder()
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.encoder, name)

    def encode(self, examples: list[Example]) -> Any:
        self.count += len(examples)
        return self.encoder.encode(examples)


def test_goes_on_where_it_was(done: tuple[Path, dict[str, Any]]) -> None:
    directory, report = done
    counting: Any = Counting()
    stages: list[str] = []
    again = evaluate(inputs(encoder=counting), QUICK, directory, progress=lambda stage, *_: stages.append(stage))
    assert counting.count == 0
    assert again["variants"] == report["variants"]
    more = evaluate(inputs(), EvaluationOptions(seeds=2), directory)
    assert [variant for variant in more["variants"] if variant["name"] == "xite"] == [entry(report, "xite")]
    names = {variant["name"] for variant in more["variants"]}
    assert {"transfer", "self_training", "control", "xite_lam_0.5", "xite_cosine", "xite_margin", "xite_label"} <= names
    found = more["hindsight"]
    assert found["tuned_difference"] == pytest.approx(found["tuned_macro_f1"] - found["best_macro_f1"])
    assert "xite_tuned" not in found["chosen"]
    kept = next(directory.glob(".work/runs/*/tuned.json")).stat().st_mtime_ns
    assert entry(evaluate(inputs(), EvaluationOptions(seeds=2), directory), "xite_tuned") == entry(more, "xite_tuned")
    assert next(directory.glob(".work/runs/*/tuned.json")).stat().st_mtime_ns == kept


def test_other_rows_are_not_mixed_up_with_old_runs(done: tuple[Path, dict[str, Any]]) -> None:
    directory, report = done
    other = evaluate(inputs(test=reviews(60, "xx", 9)), QUICK, directory)
    assert other["variants"] != report["variants"]


def test_depths_that_move_the_encoder_are_refused_for_one_without_layers(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="depth"):
        evaluate(inputs(), EvaluationOptions(seeds=1, quick=True, depths=("top:1",)), tmp_path)


def test_pairs(tmp_path: Path) -> None:
    given = inputs(
        source=pairs(120), unlabeled=pairs(60, "xx", 1), test=pairs(60, "xx", 2), english_test=pairs(40, seed=3)
    )
    report = evaluate(given, EvaluationOptions(seeds=1, quick=True), tmp_path)
    assert report["labels"] == ["no", "yes"]
    assert report["rows"]["english_test"] == 40
    assert report["rows"]["english_validation"] > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": reviews(5, "xx")}, "test: 5 rows, at least 20"),
        ({"unlabeled": []}, "unlabeled: 0 rows"),
        ({"source": [replace(row, label="positive") for row in reviews(60)]}, "source: one label only"),
        ({"test": [replace(row, label="fine") for row in reviews(60, "xx")]}, r"have a label of the source \(negative"),
        ({"test": pairs(60, "xx")}, "texts and text pairs are mixed"),
    ],
)
def test_refusals_say_what_is_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked(inputs(**changes), 100)


def test_rows_of_other_labels_are_dropped_and_english_test_rows_leave_the_source() -> None:
    test = [*reviews(60, "xx"), *(replace(row, label="neutral") for row in reviews(10, "xx", 5))]
    source = reviews(160)
    rows = checked(inputs(test=test, source=source, english_test=source[:120]), 1000)
    assert rows.dropped == 10
    assert len(rows.test) == 60
    held_out = {row.text for row in source[:120]}
    assert not held_out & {row.text for row in rows.source}
    assert not {row.text for row in rows.validation} & {row.text for row in rows.english}
    assert all(row.label is None for row in rows.unlabeled)
    assert len(checked(inputs(), 50).source) == 50


@pytest.mark.parametrize("changes", [{"seeds": 0}, {"limit": 3}, {"depths": ()}, {"depths": ("bottom",)}])
def test_options_out_of_range(changes: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        EvaluationOptions(**changes)


def test_cache_gives_what_the_encoder_gives(tmp_path: Path) -> None:
    counting: Any = Counting()
    cached = CachedEncoder(counting, tmp_path)
    rows = reviews(30)

    def vectors() -> FloatArray:
        return cached.encode(rows).vectors

    first = vectors()
    assert (first == HashingEncoder().encode(rows).vectors).all()
    asked = counting.count
    assert (vectors() == first).all()
    assert (CachedEncoder(counting, tmp_path).encode(rows[::-1]).vectors == first[::-1]).all()
    assert counting.count == asked
    assert cached.encode([]).vectors.shape[0] == 0
    assert np.isfinite(first).all()


def test_depths_that_move_the_encoder(tmp_path: Path) -> None:
    directory = make_tiny_xlmr(tmp_path / "encoder")
    tiny = TransformersEncoder(EncoderSpec(str(directory), max_tokens=32), directory)
    given = inputs(encoder=tiny, source=reviews(60), unlabeled=reviews(40, "xx", 1), english_test=())
    report = evaluate(given, EvaluationOptions(seeds=3, quick=True, depths=("head", "top:1")), tmp_path / "out")
    deep = {variant["name"]: variant for variant in report["variants"] if variant["depth"] == "top:1"}
    assert list(deep) == ["zero_shot", "zero_shot_centred", "xite", "xite_rich", "xite_views"]
    assert {variant["seeds"] for variant in deep.values()} == {1}
    assert deep["xite"]["gain"]["over"] in ("zero_shot", "zero_shot_centred")
    assert report["rows"]["english_test"] == 0
    assert deep["xite"]["english"]["n"] == report["rows"]["english_validation"]
    assert report["hindsight"]["tuned_macro_f1"] is None  # the quick form does not tune
