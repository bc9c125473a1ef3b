"""Summary of an augmentation: coverage, labels, abstentions, hubness; additive over chunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from xite_core.augmenter import Augmentation
from xite_core.matching import occurrence_skewness
from xite_core.types import Status


class Report:
    """Counts over the texts seen so far.

    Parameters
    ----------
    n_anchors : int
        Size of the labeled index, for the k-occurrence.
    """

    def __init__(self, n_anchors: int) -> None:
        self._texts = self._tokens = self._truncated = 0
        self._labels: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._languages: Counter[str] = Counter()
        self._occurrences = np.zeros(n_anchors, np.int64)

    def add(self, augmentation: Augmentation) -> None:
        """Count one more chunk."""
        for text in augmentation.texts:
            self._texts += 1
            self._tokens += text.n_tokens
            self._truncated += text.truncated
            self._languages[text.match.lang] += 1
            if text.match.status is Status.MATCHED:
                self._labels[text.match.label or ""] += 1
            else:
                self._reasons[str(text.match.reason)] += 1
        rows, counts = np.unique(augmentation.neighbors, return_counts=True)
        self._occurrences[rows] += counts

    def state(self) -> dict[str, Any]:
        """What `merge` needs, as JSON values; the k-occurrence is sparse."""
        rows = np.flatnonzero(self._occurrences)
        return {
            "counts": [self._texts, self._tokens, self._truncated],
            "labels": dict(self._labels),
            "reasons": dict(self._reasons),
            "languages": dict(self._languages),
            "occurrences": [rows.tolist(), self._occurrences[rows].tolist()],
        }

    def merge(self, state: Mapping[str, Any]) -> Self:
        """Add the state of another report over the same anchors."""
        texts, tokens, truncated = state["counts"]
        self._texts, self._tokens, self._truncated = (
            self._texts + texts,
            self._tokens + tokens,
            self._truncated + truncated,
        )
        self._labels.update(state["labels"])
        self._reasons.update(state["reasons"])
        self._languages.update(state["languages"])
        rows, counts = state["occurrences"]
        self._occurrences[rows] += np.array(counts, np.int64)
        return self

    def as_dict(self) -> dict[str, Any]:
        """JSON values; ``hubness`` is the skewness of the k-occurrence."""
        matched = sum(self._labels.values())
        return {
            "texts": self._texts,
            "coverage": matched / self._texts if self._texts else 0.0,
            "label_counts": dict(sorted(self._labels.items())),
            "abstentions": dict(sorted(self._reasons.items())),
            "languages": dict(sorted(self._languages.items())),
            "hubness": occurrence_skewness(self._occurrences),
            "tokens": self._tokens,
            "truncated": self._truncated,
        }
