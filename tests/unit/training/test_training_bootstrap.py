"""Intervals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from training.bootstrap import macro_f1_interval, mean_interval, mean_of_groups


def test_accuracy_interval_is_near_the_normal_one() -> None:
    right = np.repeat([1.0, 0.0], [300, 100])
    figure = mean_interval(right)
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert figure.value == 0.75
    assert (figure.low, figure.high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.006)


def test_the_same_seed_gives_the_same() -> None:
    assert mean_interval([0, 1, 1], 3) == mean_interval([0, 1, 1], 3)


def test_mean_of_groups_weighs_groups_alike() -> None:
    figure = mean_of_groups([np.ones(10), np.zeros(1000)])
    assert figure.value == 0.5
    assert figure.low == figure.high == 0.5


def test_macro_f1_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    gold, found = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    figure = macro_f1_interval(gold, found, 4)
    assert figure.value == pytest.approx(f1_score(gold, found, average="macro"))
    assert figure.low < figure.value < figure.high
