"""Resampled metrics against the plain ones and the plain bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from xite_core.evaluation.intervals import Resampler
from xite_core.metrics import Metric, accuracy, confusion_matrix, macro_f1, paired_bootstrap


def draw(seed: int, right: float, truth: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(truth)) < right, truth, rng.integers(0, 3, len(truth)))


TRUTH = np.random.default_rng(0).integers(0, 3, 400)


def test_value_is_the_mean_over_seeds() -> None:
    predictions = [draw(seed, 0.6, TRUTH) for seed in range(3)]
    judge = Resampler(TRUTH, 3)
    tables = [confusion_matrix(TRUTH, predicted, 3) for predicted in predictions]
    for metric, plain in ((Metric.ACCURACY, accuracy), (Metric.MACRO_F1, macro_f1)):
        measured = judge.measure(predictions, metric)
        assert measured.value == pytest.approx(np.mean([plain(table) for table in tables]))
        assert measured.interval().low < measured.value < measured.interval().high


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("clustered", [False, True])
def test_difference_agrees_with_the_plain_bootstrap(metric: Metric, clustered: bool) -> None:
    clusters = [str(i // 4) for i in range(400)] if clustered else None
    before, after = draw(1, 0.5, TRUTH), draw(2, 0.7, TRUTH)
    judge = Resampler(TRUTH, 3, clusters)
    difference = judge.measure([after], metric).less(judge.measure([before], metric))
    plain = paired_bootstrap(TRUTH, before, after, 3, metric=metric, clusters=clusters)
    interval = difference.interval()
    assert interval.mean == pytest.approx(plain.mean)
    assert (interval.low, interval.high) == pytest.approx((plain.low, plain.high), abs=0.015)
    assert difference.p_value() < 0.01


def test_no_difference_is_not_significant() -> None:
    same = draw(1, 0.5, TRUTH)
    judge = Resampler(TRUTH, 3)
    nothing = judge.measure([same], Metric.MACRO_F1).less(judge.measure([same], Metric.MACRO_F1))
    assert nothing.interval().mean == 0
    assert nothing.p_value() == 1
    one, other = (judge.measure([draw(seed, 0.5, TRUTH)], Metric.MACRO_F1) for seed in (3, 4))
    assert one.less(other).p_value() > 0.05
