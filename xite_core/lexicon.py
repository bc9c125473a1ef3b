"""A second view of the target texts: which tokens go with which label (ours).

The pooled vector of a text tells topic well and a judgement less so. Tokens are another view of the same text: a naive
Bayes model over them, fitted on *adopted* labels, averages out much of the adoption's noise, because a token occurs in
many texts. Both views together label better than either (co-training, Blum and Mitchell 1998; across languages, Wan
2009; naive Bayes with unlabeled text, Nigam et al. 2000). Every text is scored by counts that leave itself out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import softmax

from xite_core.types import FloatArray

BUCKETS = 2**18
"""Hash buckets of the features: single tokens and pairs of neighbours."""

FOREIGN, FAMILIAR = 0.15, 0.35
"""Share of known features up to which a text is not in the lexicon's language, and from which on it is."""

MIN_TEXTS = 2
RARER = 2.0
"""A feature belongs to the language in which it is so many times as frequent as in English."""

SMOOTHING = 2.0
"""Texts' worth of evidence that a feature goes with the classes as all features do together."""

_TRACE = 1e-6
_SIDE, _FIRST, _MIX = 715_827_883, 1_000_003, 2_654_435_761

Float64Array = npt.NDArray[np.float64]
Bag = Any
"""A scipy CSR matrix of float32, (n, BUCKETS): 1 where a text has a feature."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Label scores of features, added up over a text and divided by the root of their number, and a bias.

    Parameters
    ----------
    weight : ndarray of float32, (BUCKETS, C)
        Of each feature and class; rows sum to 0, and are 0 for features that are not known.
    bias : ndarray of float32, (C,)
        Added to the scores of a text in the lexicon's language.
    """

    weight: FloatArray
    bias: FloatArray

    def scores(self, bag: Bag) -> FloatArray:
        """Class scores of texts, float32 (n, C); 0 for a text with hardly any feature that the lexicon knows."""
        said = bag @ self.weight / _root_sizes(bag)[:, None] + self.bias
        return np.asarray(said * self.familiarity(bag)[:, None], np.float32)

    def familiarity(self, bag: Bag) -> Float64Array:
        """How far texts are in the lexicon's language: from 0 to 1 as the share of known features rises."""
        known = bag @ (self.weight != 0).any(1).astype(np.float32) / np.maximum(np.diff(bag.indptr), 1)
        return np.asarray(np.clip((known - FOREIGN) / (FAMILIAR - FOREIGN), 0, 1), np.float64)

    def scaled(self, factor: float) -> Lexicon:
        """The lexicon with all scores times ``factor``."""
        return Lexicon((self.weight * factor).astype(np.float32), (self.bias * factor).astype(np.float32))

    def shifted(self, shift: Float64Array) -> Lexicon:
        """The lexicon with ``shift`` added to its bias."""
        return Lexicon(self.weight, (self.bias + shift).astype(np.float32))

    def merged(self, other: Lexicon | None) -> Lexicon:
        """Both lexicons' scores added."""
        return self if other is None else Lexicon(self.weight + other.weight, self.bias + other.bias)


def bag_of(ids: Sequence[Sequence[int]], n_texts: int) -> Bag:
    """Which features each text has: its tokens, and its pairs of neighbouring tokens, hashed.

    Parameters
    ----------
    ids : sequence of sequence of int
        Tokens of each sequence, as `Encoder.tokenize` gives them; twice ``n_texts`` where the sides of a pair are
        apart, which then have features of their own.
    n_texts : int
        n.
    """
    sides = max(len(ids) // max(n_texts, 1), 1)
    rows, columns = [], []
    for text in range(n_texts):
        parts = [_features(ids[text * sides + side], side) for side in range(sides)]
        found = np.unique(np.concatenate(parts))
        columns.append(found)
        rows.append(np.full(len(found), text))
    if not rows:
        return sparse.csr_matrix((0, BUCKETS), dtype=np.float32)
    place = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix((np.ones(len(place[0]), np.float32), place), shape=(n_texts, BUCKETS))


def fit_lexicon(bag: Bag, posterior: Float64Array) -> tuple[Lexicon, Float64Array]:
    """Naive Bayes on soft labels, and the score of each text by the counts of the other texts.

    Parameters
    ----------
    bag : CSR matrix, (n, BUCKETS)
        Features.
    posterior : ndarray of float64, (n, C)
        Weight of each class for each text.

    Returns
    -------
    lexicon, left_out
        The model of all texts, and float64 (n, C) scores that leave each text itself out.
    """
    counts = np.asarray(bag.T @ posterior)
    shares = (counts.sum(0) + SMOOTHING) / (counts.sum() + SMOOTHING * posterior.shape[1])
    entries = bag.tocoo()
    others = counts[entries.col] - posterior[entries.row]
    weights = _weights(others, shares)
    left_out = np.stack(
        [np.bincount(entries.row, weights[:, code], minlength=bag.shape[0]) for code in range(posterior.shape[1])], 1
    )
    lexicon = Lexicon(_weights(counts, shares).astype(np.float32), np.zeros(posterior.shape[1], np.float32))
    return lexicon, left_out / _root_sizes(bag)[:, None]


def only_of(lexicon: Lexicon, bag: Bag, other: Bag) -> Lexicon:
    """The lexicon with the features that tell its language: in several of its texts, and rarer in other (English) ones.

    Known features that say nothing keep a trace of weight, so that a text shows its language by them.
    """
    own, foreign = (np.asarray(part.sum(0)).ravel() for part in (bag, other))
    kept = (own >= MIN_TEXTS) & (own / max(bag.shape[0], 1) > RARER * foreign / max(other.shape[0], 1))
    trace = np.where(np.arange(lexicon.weight.shape[1]) == 0, _TRACE, -_TRACE / (lexicon.weight.shape[1] - 1))
    return Lexicon(np.where(kept[:, None], lexicon.weight + trace, 0).astype(np.float32), lexicon.bias)


def standardised(scores: npt.NDArray[Any], marginals: Float64Array | None = None) -> tuple[Float64Array, float]:
    """Scores with rows centred and of root mean square 1, shifted so that the classes get their share.

    Parameters
    ----------
    scores : ndarray, (n, C)
        Class scores of any scale.
    marginals : ndarray of float64, (C,), optional
        The share of each class; no shift where not given.

    Returns
    -------
    scores, scale
        The new scores, and what the old ones were divided by.
    """
    centred = scores.astype(np.float64) - scores.mean(1, keepdims=True)
    scale = float(np.sqrt((centred**2).mean())) or 1.0
    centred = centred / scale
    return (centred if marginals is None else centred + class_shift(centred, marginals)), scale


def class_shift(scores: Float64Array, marginals: Float64Array, rounds: int = 200) -> Float64Array:
    """What to add to the classes' scores so that the mean posterior is ``marginals``, float64 (C,).

    The texts share out the labels as optimal transport with entropy would (Cuturi 2013): one Sinkhorn scaling a round.
    """
    shift = np.zeros(scores.shape[1])
    for _ in range(rounds):
        step = np.log(marginals) - np.log(posterior_of(scores + shift).mean(0) + 1e-12)
        shift += step
        if np.abs(step).max() < 1e-4:
            break
    return np.asarray(shift - shift.mean(), np.float64)


def posterior_of(scores: Float64Array) -> Float64Array:
    """Distribution over the classes, float64 (n, C); sharper where the classes are many, whose scores differ less."""
    return np.asarray(softmax(scores * np.sqrt(scores.shape[1] - 1), axis=1), np.float64)


def _weights(counts: Float64Array, shares: Float64Array) -> Float64Array:
    """Log ratio of a feature's class shares to all features', rows centred; 0 where the feature was not seen."""
    logs = np.log(np.maximum(counts, 0) / SMOOTHING + shares) - np.log(shares)
    return np.asarray(logs - logs.mean(1, keepdims=True), np.float64)


def _features(tokens: Sequence[int], side: int) -> npt.NDArray[np.int64]:
    one = np.asarray(tokens, np.uint64)
    with np.errstate(over="ignore"):
        two = one[:-1] * np.uint64(_FIRST) + one[1:] + np.uint64(1 << 40)
        mixed = (np.concatenate([one, two]) + np.uint64(side * _SIDE)) * np.uint64(_MIX)
    return np.asarray((mixed ^ (mixed >> np.uint64(29))) % np.uint64(BUCKETS), np.int64)


def _root_sizes(bag: Bag) -> Float64Array:
    return np.asarray(np.sqrt(np.maximum(np.diff(bag.indptr), 1)), np.float64)
