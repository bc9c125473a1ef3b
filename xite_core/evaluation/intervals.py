"""Intervals of metrics and of their differences over test items and seeds: one set of resamples for all variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xite_core.metrics import Interval, Metric
from xite_core.types import IntArray

RESAMPLES = 1000
LEVEL = 0.95

Draws = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Resampled:
    """A metric of one variant: its value, and that of every resample; both are means over the seeds."""

    value: float
    draws: Draws

    def interval(self) -> Interval:
        """Value with the percentile interval."""
        low, high = np.quantile(self.draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Interval(self.value, float(low), float(high))

    def less(self, other: Resampled) -> Resampled:
        """The paired difference."""
        return Resampled(self.value - other.value, self.draws - other.draws)

    def p_value(self) -> float:
        """Two-sided: twice the share of the resamples on the other side of zero, at least one resample."""
        sides = float((self.draws <= 0).mean()), float((self.draws >= 0).mean())
        return min(1.0, 2 * max(min(sides), 1 / len(self.draws)))


class Resampler:
    """Scores predictions on the same resamples of the same items, so that what they have in common cancels.

    Parameters
    ----------
    truth : ndarray of int64, (n,)
        True classes.
    n_classes : int
        C.
    clusters : sequence of str, optional
        Items of one name are drawn together, such as the pairs of one premise.
    seed : int
        Of the resampling.
    """

    def __init__(self, truth: IntArray, n_classes: int, clusters: Sequence[str] | None = None, seed: int = 0) -> None:
        self.truth, self.n_classes = truth, n_classes
        names = np.arange(len(truth)) if clusters is None else np.asarray(clusters)
        self._owner: IntArray = np.asarray(np.unique(names, return_inverse=True)[1], np.int64)
        count = int(self._owner.max()) + 1
        rng = np.random.default_rng(seed)
        self._drawn = rng.multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(np.float64)

    def measure(self, predictions: Sequence[IntArray], metric: Metric) -> Resampled:
        """Mean over the seeds' predictions, (n,) each."""
        tables = [self._tables(predicted) for predicted in predictions]
        value = np.mean([_metric(table.sum(0)[None], self.n_classes, metric)[0] for table in tables])
        draws = np.mean([_metric(self._drawn @ table, self.n_classes, metric) for table in tables], axis=0)
        return Resampled(float(value), draws)

    def _tables(self, predicted: IntArray) -> Draws:
        counts = np.zeros((self._drawn.shape[1], self.n_classes**2))
        np.add.at(counts, (self._owner, self.truth * self.n_classes + predicted), 1)
        return counts


def _metric(cells: Draws, n_classes: int, metric: Metric) -> Draws:
    """A metric of many confusion matrices, (r, C * C) to (r,); macro-F1 is over the classes that occur."""
    table = cells.reshape(-1, n_classes, n_classes)
    right = np.einsum("rcc->rc", table)
    if metric is Metric.ACCURACY:
        return np.asarray(right.sum(1) / np.maximum(table.sum((1, 2)), 1))
    total = table.sum(1) + table.sum(2)
    each = 2 * right / np.maximum(total, 1e-12)
    return np.asarray(each.sum(1) / np.maximum((total > 0).sum(1), 1))
