"""Match target vectors to labeled English anchors: scores, vote, abstention, hubness (METHOD step 1).

All scorings are one maximum-inner-product search. The index holds ``[u_s ; r_1(s) ; ... ; r_L(s)]``: the anchor's unit
vector and, for each language column, its mean cosine to its nearest pool vectors of that language. A query
``[a u_t ; 0 .. -b .. 0]`` therefore ranks by ``a cos(t, s) - b r_T(s)``, which is cosine for (1, 0) and CSLS for
(2, 1), exactly and for every language. The ratio margin is reached exactly too, see `Matcher._margin`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from xite_core.errors import OptionError
from xite_core.options import AugmentOptions
from xite_core.types import AbstentionReason, BoolArray, FloatArray, IntArray, Scoring, Voting

NEIGHBOURHOOD = 10
"""Neighbours in the mean cosines r_S and r_T (Conneau et al. 2018 use 10)."""

MIN_MEAN_COSINE = 1e-6
"""Floor of r_S and r_T: the ratio margin needs a positive denominator."""

_MARGIN_ROUNDS = 16
_Number = TypeVar("_Number", bound=np.generic)


class AnchorIndex(Protocol):
    """What matching needs of an index of labeled anchors."""

    @property
    def ntotal(self) -> int:
        """Number of anchors."""

    @property
    def hubness(self) -> FloatArray:
        """``r_T(s)``, float32 (n, L): one column a language, the last for languages outside the pool."""

    @property
    def label_codes(self) -> IntArray:
        """Label of each anchor, int64 (n,)."""

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Best inner products and their rows, (m, k) each, best first."""


@dataclass(frozen=True, slots=True)
class MatchTable:
    """Matches of m target texts, by column.

    Parameters
    ----------
    rows : ndarray of int64, (m, k)
        Neighbouring anchors, best first.
    scores, cosines : ndarray of float32, (m, k)
        By the chosen scoring, and the plain cosine.
    label : ndarray of int64, (m,)
        Adopted label's code (also where abstained).
    confidence : ndarray of float32, (m,)
        The adopted label's share in the vote.
    partner : ndarray of int64, (m,)
        Column of the best neighbour that has the adopted label: the other end of the interpolation.
    reason : list of AbstentionReason or None
        Why a text was abstained; ``None`` where matched.
    """

    rows: IntArray
    scores: FloatArray
    cosines: FloatArray
    label: IntArray
    confidence: FloatArray
    partner: IntArray
    reason: list[AbstentionReason | None]

    def __len__(self) -> int:
        return len(self.rows)

    def at_partner(self, values: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
        """Column ``partner`` of an (m, k) array, (m,)."""
        return np.take_along_axis(values, self.partner[:, None], 1)[:, 0]

    @property
    def matched(self) -> BoolArray:
        """Which texts were not abstained, bool (m,)."""
        return np.array([reason is None for reason in self.reason], bool)


def mean_of_nearest(vectors: FloatArray, pool: FloatArray, k: int = NEIGHBOURHOOD, block: int = 4096) -> FloatArray:
    """Mean cosine of each vector to its k nearest in a pool: the r of CSLS and of the margin score.

    A vector's own copy in the pool is left out.

    Parameters
    ----------
    vectors : ndarray of float32, (n, d)
        Unit vectors.
    pool : ndarray of float32, (p, d)
        Unit vectors.

    Returns
    -------
    ndarray of float32, (n,)
        At least `MIN_MEAN_COSINE`.
    """
    out = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), block):
        cosines = vectors[start : start + block] @ pool.T
        cosines[cosines > 1 - 1e-6] = -np.inf
        take = min(k, cosines.shape[1])
        best = -np.partition(-cosines, take - 1, axis=1)[:, :take]
        finite = np.isfinite(best)
        total = np.where(finite, best, 0.0).sum(1)
        out[start : start + block] = total / np.maximum(finite.sum(1), 1)
    return np.maximum(out, MIN_MEAN_COSINE)


def vote(
    scores: FloatArray, codes: IntArray, n_labels: int, voting: Voting, tau: float
) -> tuple[IntArray, FloatArray, IntArray]:
    """Adopt a label: ``p(c|t) ~ sum exp(score / tau) [y_i = c]``.

    Parameters
    ----------
    scores : ndarray of float32, (m, k)
        Best first.
    codes : ndarray of int64, (m, k)
        Labels of the neighbours.

    Returns
    -------
    label, confidence, partner
        Adopted label (m,), its share of the vote (m,), and the column of its best neighbour (m,).
    """
    logits = scores.astype(np.float64) / tau
    weights = np.exp(logits - logits.max(1, keepdims=True))
    shares = np.zeros((len(scores), n_labels))
    for column in range(scores.shape[1]):
        shares[np.arange(len(scores)), codes[:, column]] += weights[:, column]
    shares /= shares.sum(1, keepdims=True)
    label = codes[:, 0].copy() if voting is Voting.NEAREST else shares.argmax(1)
    confidence = shares[np.arange(len(scores)), label].astype(np.float32)
    partner = (codes == label[:, None]).argmax(1)
    return label, confidence, partner


def with_thresholds(table: MatchTable, options: AugmentOptions) -> MatchTable:
    """The same matches with the abstention thresholds of ``options`` applied anew."""
    cosine, score = table.at_partner(table.cosines), table.at_partner(table.scores)
    reasons: list[AbstentionReason | None] = [None] * len(table)
    checks = (
        (options.min_confidence, table.confidence, AbstentionReason.MIN_CONFIDENCE),
        (options.min_score, score, AbstentionReason.MIN_SCORE),
        (options.min_cosine, cosine, AbstentionReason.MIN_COSINE),
    )
    for threshold, values, reason in checks:
        if threshold is not None:
            for i in np.flatnonzero(values < threshold):
                reasons[i] = reason
    return replace(table, reason=reasons)


def without_unreadable(table: MatchTable, unreadable: BoolArray) -> MatchTable:
    """The same matches but those of texts that the encoder cannot read, bool (m,), whatever they scored."""
    reasons = [
        AbstentionReason.UNREADABLE if hidden else reason
        for hidden, reason in zip(unreadable, table.reason, strict=True)
    ]
    return replace(table, reason=reasons)


def occurrence_skewness(occurrences: IntArray) -> float:
    """Skewness of the k-occurrence: how unevenly the anchors are chosen (hubness; Radovanovic et al. 2010).

    Parameters
    ----------
    occurrences : ndarray of int64, (n,)
        How often each anchor is among some text's k nearest.
    """
    deviation = occurrences - occurrences.mean()
    variance = float((deviation**2).mean())
    return float((deviation**3).mean() / variance**1.5) if variance > 0 else 0.0


class Matcher:
    """Finds neighbours under a scoring and lets them vote.

    Parameters
    ----------
    index : AnchorIndex
        Labeled anchors.
    n_labels : int
        Number of distinct labels.
    """

    def __init__(self, index: AnchorIndex, n_labels: int) -> None:
        self.index, self.n_labels = index, n_labels

    def match(self, vectors: FloatArray, columns: IntArray, options: AugmentOptions) -> MatchTable:
        """Match target vectors.

        Parameters
        ----------
        vectors : ndarray of float32, (m, d)
            Unit vectors.
        columns : ndarray of int64, (m,)
            Language column of each text in ``index.hubness``.
        options : AugmentOptions
            Uses k, scoring, voting, tau and the thresholds.

        Raises
        ------
        OptionError
            If k is larger than the index.
        """
        if options.k > self.index.ntotal:
            raise OptionError("k", options.k, f"at most {self.index.ntotal}, the number of labeled examples")
        find = {Scoring.COSINE: self._cosine, Scoring.CSLS: self._csls, Scoring.MARGIN: self._margin}
        scores, rows, cosines = find[options.scoring](vectors, columns, options.k)
        codes = self.index.label_codes[rows]
        label, confidence, partner = vote(scores, codes, self.n_labels, options.voting, options.tau)
        table = MatchTable(rows, scores, cosines, label, confidence, partner, [None] * len(rows))
        return with_thresholds(table, options)

    def _search(
        self, vectors: FloatArray, columns: IntArray, a: float, b: FloatArray | float, k: int
    ) -> tuple[FloatArray, IntArray, FloatArray]:
        """Top k by ``a cos - b r_T``: those values, the rows, and r_T of the rows, (m, k) each."""
        queries = np.zeros((len(vectors), vectors.shape[1] + self.index.hubness.shape[1]), np.float32)
        queries[:, : vectors.shape[1]] = a * vectors
        queries[np.arange(len(vectors)), vectors.shape[1] + columns] = -np.asarray(b, np.float32)
        values, rows = self.index.search(queries, k)
        return values, rows, self.index.hubness[rows, columns[:, None]]

    def _cosine(self, vectors: FloatArray, columns: IntArray, k: int) -> tuple[FloatArray, IntArray, FloatArray]:
        cosines, rows, _ = self._search(vectors, columns, 1.0, 0.0, k)
        return cosines, rows, cosines

    def _mean_to_source(self, vectors: FloatArray, columns: IntArray) -> FloatArray:
        """``r_S(t)``, float32 (m, 1)."""
        cosines, _, _ = self._search(vectors, columns, 1.0, 0.0, min(NEIGHBOURHOOD, self.index.ntotal))
        return np.asarray(np.maximum(cosines.mean(1, keepdims=True), MIN_MEAN_COSINE), np.float32)

    def _csls(self, vectors: FloatArray, columns: IntArray, k: int) -> tuple[FloatArray, IntArray, FloatArray]:
        """``2 cos - r_S(t) - r_T(s)``; r_S is constant for a text, so the search can leave it out."""
        values, rows, to_target = self._search(vectors, columns, 2.0, 1.0, k)
        cosines = np.asarray((values + to_target) / 2, np.float32)
        return values - self._mean_to_source(vectors, columns), rows, cosines

    def _margin(self, vectors: FloatArray, columns: IntArray, k: int) -> tuple[FloatArray, IntArray, FloatArray]:
        """``cos / ((r_S(t) + r_T(s)) / 2)``, exactly, by Dinkelbach's method for the k-th best ratio (ours).

        With theta the k-th best ratio of any k anchors, the k best by ``cos - theta (r_S + r_T) / 2`` have ratios of
        at least theta; their k-th best ratio is the next theta. It rises until it stands still, at the true top k.
        """
        to_source = self._mean_to_source(vectors, columns)
        cosines, rows, to_target = self._search(vectors, columns, 1.0, 0.0, k)
        ratios: FloatArray = np.asarray(2 * cosines / (to_source + to_target), np.float32)
        active = np.arange(len(vectors))
        for _ in range(_MARGIN_ROUNDS):
            theta = ratios[active].min(1)
            values, new_rows, new_target = self._search(vectors[active], columns[active], 1.0, theta / 2, k)
            new_cosines = values + theta[:, None] / 2 * new_target
            new_ratios = 2 * new_cosines / (to_source[active] + new_target)
            risen = new_ratios.min(1) > theta + 1e-6
            better = active[risen]
            ratios[better], rows[better], cosines[better] = new_ratios[risen], new_rows[risen], new_cosines[risen]
            active = better
            if not len(active):
                break
        order = np.argsort(-ratios, axis=1, kind="stable")
        return (
            np.take_along_axis(ratios, order, 1),
            np.take_along_axis(rows, order, 1),
            np.take_along_axis(cosines, order, 1),
        )
