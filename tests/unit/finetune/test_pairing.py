"""Selection and the drawing of batches."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xite_core.errors import InputError
from xite_core.finetune.options import FineTuneOptions
from xite_core.finetune.pairing import Pairing, check_matched, drawn_evenly, select
from xite_core.finetune.prepare import settled
from xite_core.finetune.training import Plan, plan_epoch
from xite_core.options import AugmentOptions


def test_the_most_confident_are_kept() -> None:
    confidence = np.array([0.9, 0.1, 0.5, 0.8, 0.99], np.float32)
    matched = np.array([True, True, True, True, False])
    kept = select(np.array([0, 0, 1, 1, 1]), confidence, matched, 0.5, balance=False)
    assert kept.tolist() == [0, 3]


@given(st.integers(1, 60), st.integers(2, 4), st.floats(0.05, 1), st.integers(0, 9))
def test_no_label_fills_more_than_its_share(n: int, classes: int, fraction: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    label, confidence = rng.integers(classes, size=n), rng.random(n).astype(np.float32)
    matched = rng.random(n) < 0.8
    kept = select(label, confidence, matched, fraction, balance=True)
    present = np.unique(label[matched])
    wanted = np.ceil(fraction * matched.sum())
    assert matched[kept].all()
    for code in present:
        count = (label[kept] == code).sum()
        assert count == min((label[matched] == code).sum(), np.ceil(wanted / len(present)))
        left_out = np.setdiff1d(np.flatnonzero(matched & (label == code)), kept)
        assert not len(left_out) or confidence[left_out].max() <= confidence[kept][label[kept] == code].min()


def test_draws_take_turns_between_the_groups() -> None:
    groups = np.array([0] * 30 + [1] * 3 + [2] * 7)
    drawn = drawn_evenly(groups, 60, np.random.default_rng(0), balance=True)
    turns = groups[drawn].reshape(-1, 3)
    assert (np.sort(turns, axis=1) == [0, 1, 2]).all()
    assert set(drawn[groups[drawn] == 2]) == set(range(33, 40))


def test_draws_without_balance_are_passes() -> None:
    drawn = drawn_evenly(np.zeros(5, np.int64), 12, np.random.default_rng(0), balance=False)
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == [0, 1, 2, 3, 4]
    assert len(drawn) == 12


def test_nothing_to_draw_from() -> None:
    assert len(drawn_evenly(np.zeros(0, np.int64), 5, np.random.default_rng(0), balance=True)) == 0


def pairing() -> Pairing:
    label = np.array([0, 1, 0, 0, 1, 0])
    return Pairing(np.arange(6), label, np.ones(6, np.float32), np.ones(6, bool), np.arange(6), {})


def plan(**changes: object) -> Plan:
    options = FineTuneOptions(**{"batch_size": 8, **changes})  # type: ignore[arg-type]
    return Plan(options, AugmentOptions(n=2), 1, ["xx"] * 6, 0.9)


@pytest.mark.parametrize(("replay", "english"), [(0.0, 0), (0.25, 2), (0.5, 4), (1.0, 8)])
def test_a_batch_holds_the_replayed_fraction(replay: float, english: int) -> None:
    batches = plan_epoch(pairing(), 50, plan(replay=replay), 1, 5)
    assert batches.english.shape == (5, english)
    assert batches.items.shape == (5, 8 - english)
    assert not batches.items.size or batches.items.max() < 12


def test_english_epochs_hold_english_alone() -> None:
    assert plan_epoch(pairing(), 50, plan(replay=0.0), 0, 5).items.shape == (5, 0)


def test_every_batch_is_balanced() -> None:
    batches, matches = plan_epoch(pairing(), 50, plan(), 1, 9), pairing()
    labels = matches.label[matches.selected[batches.items // 2]]
    assert ((labels == 1).sum(1) == 2).all()


def test_epochs_and_seeds_differ_and_repeat() -> None:
    first, again, later = (plan_epoch(pairing(), 50, plan(), epoch, 9) for epoch in (1, 1, 2))
    assert (first.english == again.english).all()
    assert (first.items == again.items).all()
    assert (first.english != later.english).any()
    assert (first.english != plan_epoch(pairing(), 50, plan(seed=8), 1, 9).english).any()


@pytest.mark.parametrize(("few", "refused"), [(1, False), (19, False), (20, True)])
def test_a_few_texts_of_a_language_may_go_without_a_match(few: int, refused: bool) -> None:
    languages = ["ko"] * 10 + ["ur"] * few
    matched = np.array([language == "ko" for language in languages])
    found = replace(pairing(), label=np.arange(len(languages)) % 2, matched=matched, selected=np.flatnonzero(matched))
    found.summary["abstentions"] = {"below_min_confidence": few}
    with pytest.raises(InputError, match="no match for language 'ur'") if refused else nullcontext():
        check_matched(found, languages, ["a", "b"])


def test_no_match_at_all_is_refused() -> None:
    found = replace(pairing(), matched=np.zeros(6, bool))
    found.summary["abstentions"] = {"below_min_cosine": 6}
    with pytest.raises(InputError, match="loosen the thresholds"):
        check_matched(found, ["ko"] * 6, ["a", "b"])


@pytest.mark.parametrize(
    ("told", "settled_as"),
    [
        (["ko", "und", "ko", "ur", "und"], ["ko", "ko", "ko", "ur", "ko"]),
        (["und", "und"], ["und", "und"]),
        ([], []),
    ],
)
def test_texts_of_no_language_go_with_the_most_frequent(told: list[str], settled_as: list[str]) -> None:
    assert settled(told) == settled_as
