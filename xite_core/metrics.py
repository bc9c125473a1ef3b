"""Classification metrics from class codes, and intervals: paired bootstrap over items, percentiles over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from xite_core.errors import InputError
from xite_core.types import IntArray

Floats = npt.NDArray[np.floating[Any]]

ECE_BINS = 15
"""Bins of the calibration error, as in Guo et al. 2017."""

RESAMPLES = 2000


class Metric(StrEnum):
    """What a bootstrap compares."""

    ACCURACY = "accuracy"
    MACRO_F1 = "macro_f1"


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with a two-sided interval."""

    mean: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Give the fields as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Scores:
    """What a classifier does on some labeled rows.

    Parameters
    ----------
    n : int
        Number of rows.
    accuracy, macro_f1 : float
        Share of right predictions; unweighted mean of the classes' F1.
    ece : float
        Expected calibration error.
    confusion : ndarray of int64, (C, C)
        Rows are true classes, columns predicted ones.
    """

    n: int
    accuracy: float
    macro_f1: float
    ece: float
    confusion: IntArray

    def as_dict(self) -> dict[str, Any]:
        """Give the fields as JSON values."""
        return {**asdict(self), "confusion": self.confusion.tolist()}


def confusion_matrix(truth: IntArray, predicted: IntArray, n_classes: int) -> IntArray:
    """Count the pairs of true class (rows) and predicted class (columns), int64 (C, C)."""
    cells = np.bincount(truth * n_classes + predicted, minlength=n_classes**2)
    return np.asarray(cells.reshape(n_classes, n_classes), np.int64)


def accuracy(confusion: IntArray) -> float:
    """Share of the diagonal; 0 where there are no rows."""
    return float(np.trace(confusion) / max(confusion.sum(), 1))


def macro_f1(confusion: IntArray) -> float:
    """Mean F1 over the classes that occur as truth or prediction; 0 where none does."""
    total = confusion.sum(0) + confusion.sum(1)
    present = total > 0
    return float((2 * np.diag(confusion)[present] / total[present]).mean()) if present.any() else 0.0


def expected_calibration_error(truth: IntArray, probabilities: Floats, bins: int = ECE_BINS) -> float:
    """Mean distance of confidence and accuracy over equal-width bins, weighted by rows (Guo et al. 2017).

    Parameters
    ----------
    truth : ndarray of int64, (n,)
        True classes.
    probabilities : ndarray of float, (n, C)
        Predicted distribution of each row.
    bins : int
        Number of bins on (0, 1]; a confidence on a border belongs to the lower bin.
    """
    if not len(truth):
        return 0.0
    confidence = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == truth
    owner = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(owner, right, bins) - np.bincount(owner, confidence, bins)
    return float(np.abs(gaps).sum() / len(truth))


def score(truth: IntArray, probabilities: Floats) -> Scores:
    """All metrics of a classifier.

    Parameters
    ----------
    truth : ndarray of int64, (n,)
        True classes.
    probabilities : ndarray of float, (n, C)
        Predicted distribution of each row.
    """
    confusion = confusion_matrix(truth, probabilities.argmax(1), probabilities.shape[1])
    calibration = expected_calibration_error(truth, probabilities)
    return Scores(len(truth), accuracy(confusion), macro_f1(confusion), calibration, confusion)


def paired_bootstrap(
    truth: IntArray,
    before: IntArray,
    after: IntArray,
    n_classes: int,
    *,
    metric: Metric = Metric.ACCURACY,
    clusters: Sequence[str] | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Interval of ``metric(after) - metric(before)`` by resampling items (Efron and Tibshirani 1993, percentile).

    Both classifiers are scored on the same resampled items, so what the items have in common cancels.

    Parameters
    ----------
    truth, before, after : ndarray of int64, (n,)
        True classes and those that the two classifiers predict.
    n_classes : int
        C.
    metric : Metric
        Accuracy or macro-F1.
    clusters : sequence of str, (n,), optional
        Items with the same name are drawn together, such as the pairs of one premise.
    level : float
        Coverage of the interval.
    resamples : int
        Number of resamples.
    seed : int
        Of the resampling.

    Raises
    ------
    InputError
        If there are no items, or the arrays differ in length.
    """
    if not len(truth) or len({len(truth), len(before), len(after)}) > 1:
        raise InputError(f"a bootstrap needs items; found {len(truth)}, {len(before)} and {len(after)}")
    measure = accuracy if metric is Metric.ACCURACY else macro_f1
    old = _by_cluster(truth, before, n_classes, clusters)
    new = _by_cluster(truth, after, n_classes, clusters)
    rng = np.random.default_rng(seed)
    differences = np.empty(resamples)
    for i in range(resamples):
        drawn = np.bincount(rng.integers(len(old), size=len(old)), minlength=len(old))
        differences[i] = measure(_table(drawn @ new)) - measure(_table(drawn @ old))
    low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2])
    mean = measure(_table(new.sum(0))) - measure(_table(old.sum(0)))
    return Interval(mean, float(low), float(high))


def percentile_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Mean and percentiles of a metric over seeds.

    Raises
    ------
    InputError
        If there are no values.
    """
    if not len(values):
        raise InputError("an interval needs at least one value")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(np.mean(values)), float(low), float(high))


def _by_cluster(
    truth: IntArray, predicted: IntArray, n_classes: int, clusters: Sequence[str] | None
) -> npt.NDArray[np.float64]:
    """Flattened confusion matrix of each cluster, (n_clusters, C * C)."""
    owner = np.arange(len(truth)) if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1]
    counts = np.zeros((int(owner.max()) + 1, n_classes**2))
    np.add.at(counts, (owner, truth * n_classes + predicted), 1)
    return counts


def _table(cells: npt.NDArray[np.float64]) -> IntArray:
    side = round(len(cells) ** 0.5)
    return np.asarray(cells.reshape(side, side), np.int64)
