"""Percentile bootstrap intervals over test items; paired where two systems answer the same items."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
DRAWS = 2000


@dataclass(frozen=True)
class Estimate:
    """A figure with the ends of its 95% interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Rounded to four digits, for JSON."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def resamples(n: int, seed: int, draws: int = DRAWS) -> Ints:
    """Rows of each bootstrap sample, int64 (draws, n)."""
    return np.random.default_rng(seed).integers(0, n, (draws, n))


def _estimate(value: float, drawn: Floats) -> Estimate:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))


def mean_interval(values: npt.ArrayLike, seed: int = 0) -> Estimate:
    """Mean of a value for each item (1 where right, 0 where wrong: accuracy)."""
    items = np.asarray(values, np.float64)
    return _estimate(items.mean(), items[resamples(len(items), seed)].mean(1))


def mean_of_groups(groups: list[npt.NDArray[np.float64]], seed: int = 0) -> Estimate:
    """Mean over groups of the mean over items; items are drawn anew within each group."""
    drawn = [items[resamples(len(items), seed + i)].mean(1) for i, items in enumerate(groups)]
    return _estimate(float(np.mean([items.mean() for items in groups])), np.mean(drawn, axis=0))


def macro_f1_interval(gold: Ints, found: Ints, n_classes: int, seed: int = 0) -> Estimate:
    """Macro-averaged F1 over the classes that occur in ``gold``."""
    classes = [c for c in range(n_classes) if (gold == c).any()]
    rows = resamples(len(gold), seed)

    def score(g: Ints, f: Ints) -> Floats:
        each = []
        for c in classes:
            hits = ((g == c) & (f == c)).sum(-1)
            each.append(2 * hits / np.maximum((g == c).sum(-1) + (f == c).sum(-1), 1))
        return np.asarray(np.mean(each, axis=0), np.float64)

    return _estimate(float(score(gold, found)), score(gold[rows], found[rows]))
