"""Before and after: metrics on English and target rows, gains with intervals, the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xite_core.finetune.training import keeps_english
from xite_core.metrics import Metric, paired_bootstrap, score
from xite_core.types import Example, FloatArray, IntArray

ENGLISH_ROWS = "english"
TARGET_ROWS = "target"


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """Labeled rows: their classes (n,) and what the model before training gave them, (n, C).

    ``clusters`` names the premise of each pair, since the pairs of one premise are no independent items.
    """

    codes: IntArray
    before: FloatArray
    clusters: list[str] | None


def clusters_of(examples: list[Example]) -> list[str] | None:
    """The premises of pairs; ``None`` for single texts."""
    return [example.text for example in examples] if examples and examples[0].text_pair is not None else None


def compare(rows: Mapping[str, ScoredRows], after: Mapping[str, FloatArray], seed: int) -> dict[str, Any]:
    """Metrics before and after, and gains with 95% intervals.

    Parameters
    ----------
    rows : mapping of str to ScoredRows
        By name of the rows.
    after : mapping of str to ndarray of float32, (n, C)
        Distributions by the model after training.
    seed : int
        Of the bootstrap.
    """
    before_scores = {name: score(part.codes, part.before) for name, part in rows.items()}
    after_scores = {name: score(part.codes, after[name]) for name, part in rows.items()}
    gain = {name: _gain(part, after[name], seed) for name, part in rows.items()}
    return {
        "metrics": {
            "before": {name: scores.as_dict() for name, scores in before_scores.items()},
            "after": {name: scores.as_dict() for name, scores in after_scores.items()},
        },
        "gain": gain,
    }


def gate(comparison: Mapping[str, Any], max_drop: float) -> dict[str, Any]:
    """The verdict on English: passed or not, and the figures behind it."""
    before = comparison["metrics"]["before"][ENGLISH_ROWS]["accuracy"]
    after = comparison["metrics"]["after"][ENGLISH_ROWS]["accuracy"]
    return {
        "passed": keeps_english(before, after, max_drop),
        "before": before,
        "after": after,
        "max_english_drop": max_drop,
        "floor": before - max_drop,
    }


def _gain(part: ScoredRows, after: FloatArray, seed: int) -> dict[str, Any]:
    old, new = np.asarray(part.before.argmax(1), np.int64), np.asarray(after.argmax(1), np.int64)
    n_classes = part.before.shape[1]
    return {
        str(metric): paired_bootstrap(
            part.codes, old, new, n_classes, metric=metric, clusters=part.clusters, seed=seed
        ).as_dict()
        for metric in Metric
    }
