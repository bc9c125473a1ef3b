"""Metrics against scikit-learn and NumPy; intervals against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score
from sklearn.metrics import confusion_matrix as sklearn_confusion

from xite_core.errors import InputError
from xite_core.metrics import (
    Metric,
    accuracy,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    paired_bootstrap,
    percentile_interval,
    score,
)


def predictions(n: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=n)
    probabilities = rng.dirichlet(np.ones(classes), n)
    probabilities[np.arange(n), truth] += 0.5 * rng.random(n)
    return truth, probabilities / probabilities.sum(1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_scores_match_sklearn(classes: int) -> None:
    truth, probabilities = predictions(300, classes)
    predicted = probabilities.argmax(1)
    scores = score(truth, probabilities)
    assert (scores.confusion == sklearn_confusion(truth, predicted, labels=range(classes))).all()
    assert scores.accuracy == pytest.approx(accuracy_score(truth, predicted))
    assert scores.macro_f1 == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert scores.as_dict()["confusion"] == scores.confusion.tolist()


def test_macro_f1_is_over_the_classes_that_occur() -> None:
    truth, predicted = np.array([0, 0, 1]), np.array([0, 1, 1])
    assert macro_f1(confusion_matrix(truth, predicted, 5)) == pytest.approx(f1_score(truth, predicted, average="macro"))


def test_nothing_scores_zero() -> None:
    empty = np.zeros(0, np.int64)
    confusion = confusion_matrix(empty, empty, 2)
    assert accuracy(confusion) == macro_f1(confusion) == 0
    assert expected_calibration_error(empty, np.zeros((0, 2))) == 0


def test_calibration_error_matches_the_definition() -> None:
    truth, probabilities = predictions(500, 3)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    total = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            total += inside.sum() / len(truth) * abs(right[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(truth, probabilities) == pytest.approx(total)


def test_a_certain_and_right_classifier_is_calibrated() -> None:
    truth = np.array([0, 1, 1, 0])
    assert expected_calibration_error(truth, np.eye(2)[truth]) == 0
    assert expected_calibration_error(1 - truth, np.eye(2)[truth]) == 1


@pytest.mark.parametrize("metric", list(Metric))
def test_bootstrap_covers_the_difference(metric: Metric) -> None:
    truth, before = predictions(400, 2, 1)
    after = truth.copy()
    after[:40] = 1 - after[:40]
    interval = paired_bootstrap(truth, before.argmax(1), after, 2, metric=metric, resamples=300)
    measure = accuracy if metric is Metric.ACCURACY else macro_f1
    difference = measure(confusion_matrix(truth, after, 2)) - measure(confusion_matrix(truth, before.argmax(1), 2))
    assert interval.mean == pytest.approx(difference)
    assert interval.low < difference < interval.high


def test_bootstrap_of_equal_classifiers_is_exactly_zero() -> None:
    truth, same = predictions(100, 3)
    interval = paired_bootstrap(truth, same.argmax(1), same.argmax(1), 3, resamples=50)
    assert (interval.mean, interval.low, interval.high) == (0, 0, 0)


def test_bootstrap_width_is_that_of_the_normal_approximation() -> None:
    rng = np.random.default_rng(3)
    truth = np.zeros(2000, np.int64)
    before, after = (rng.random((2, 2000)) < 0.3).astype(np.int64)
    difference = (after == truth).astype(float) - (before == truth)
    interval = paired_bootstrap(truth, before, after, 2, resamples=1000)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * difference.std() / 2000**0.5, rel=0.1)


def test_clusters_are_drawn_together() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(50), 8)
    right = rng.random(50)[owner] < 0.5  # a whole cluster is right or wrong
    truth, before = np.zeros(400, np.int64), np.ones(400, np.int64)
    after = np.where(right, 0, 1)
    names = [f"premise {i}" for i in owner]
    alone = paired_bootstrap(truth, before, after, 2, resamples=400)
    together = paired_bootstrap(truth, before, after, 2, resamples=400, clusters=names)
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert together.mean == alone.mean


def test_bootstrap_repeats_with_its_seed() -> None:
    truth, probabilities = predictions(80, 2)
    arguments = truth, probabilities.argmax(1), truth, 2
    assert paired_bootstrap(*arguments, resamples=50, seed=4) == paired_bootstrap(*arguments, resamples=50, seed=4)
    assert paired_bootstrap(*arguments, resamples=50, seed=4) != paired_bootstrap(*arguments, resamples=50, seed=5)


def test_bootstrap_refuses_nothing_and_unequal_lengths() -> None:
    one, two = np.zeros(1, np.int64), np.zeros(2, np.int64)
    with pytest.raises(InputError):
        paired_bootstrap(one[:0], one[:0], one[:0], 2)
    with pytest.raises(InputError, match="2, 1 and 2"):
        paired_bootstrap(two, one, two, 2)


def test_percentile_interval_over_seeds() -> None:
    values = np.random.default_rng(0).normal(size=400).tolist()
    interval = percentile_interval(values, 0.9)
    assert interval.mean == pytest.approx(np.mean(values))
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(values, [0.05, 0.95])))
    with pytest.raises(InputError):
        percentile_interval([])
