"""Where target texts' labels come from: the neighbours' vote, the English head, or two views of each text (ours)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from xite_core.finetune.centring import by_language
from xite_core.finetune.head import Head
from xite_core.lexicon import (
    Bag,
    Float64Array,
    Lexicon,
    class_shift,
    fit_lexicon,
    only_of,
    posterior_of,
    standardised,
)
from xite_core.types import FloatArray, IntArray

HALF_WEIGHT = 500
"""Texts of a language at which its lexicon has half of its full weight: a small one knows little."""

TRUST = (0.4, 0.6)
"""Correlation of head and lexicon up to which the lexicon is not used, and from which on fully.

Where tokens do not tell the label (of text pairs, say), the lexicon of the first labels agrees with them by chance and
by what it has learned of the head's own errors; on development rows that was 0.34 to 0.40, and 0.45 to 0.78 where the
lexicon helped.
"""


class Adoption(StrEnum):
    """Whose label a target text adopts."""

    VOTE = "vote"
    HEAD = "head"
    VIEWS = "views"


@dataclass(frozen=True, slots=True)
class AdoptionOptions:
    """How labels are adopted otherwise than by the vote.

    Parameters
    ----------
    kind : Adoption
        ``head`` or ``views``.
    rounds : int
        Times that the lexicon is fitted on the labels and the labels are made anew.
    lexicon : float
        Weight of the lexicon's scores beside the head's, for many texts.
    prior : float
        How far the classes' shares are drawn from the head's predictions towards equal ones.
    """

    kind: Adoption
    rounds: int
    lexicon: float
    prior: float


@dataclass(frozen=True, slots=True)
class Adopted:
    """Labels of the m target texts.

    Parameters
    ----------
    posterior : ndarray of float64, (m, C)
        Distribution over the classes.
    lexicon : Lexicon, optional
        Of the target languages, in units of the standardised head scores.
    """

    posterior: Float64Array
    lexicon: Lexicon | None

    @property
    def label(self) -> IntArray:
        """Most likely class, int64 (m,)."""
        return np.asarray(self.posterior.argmax(1), np.int64)

    @property
    def confidence(self) -> FloatArray:
        """Its share, float32 (m,)."""
        return np.asarray(self.posterior.max(1), np.float32)


def adopt(
    heads: tuple[Head, Head],
    target: FloatArray,
    languages: Sequence[str],
    bags: tuple[Bag, Bag],
    options: AdoptionOptions,
) -> Adopted:
    """Adopt labels, each language on its own.

    Parameters
    ----------
    heads : pair of Head
        Fine-tuned on English alone: on plain and on centred vectors.
    target : ndarray of float32, (m, d)
        Unit vectors.
    languages : sequence of str, (m,)
        Language of each target text.
    bags : pair of CSR matrix, (n, BUCKETS) and (m, BUCKETS)
        Features of anchors and target texts; not looked at for ``head``.
    options : AdoptionOptions
        How.
    """
    if options.kind is Adoption.HEAD:
        return Adopted(heads[0].probabilities(target).astype(np.float64), None)
    names = np.array(languages)
    posterior = np.empty((len(target), len(heads[0].bias)))
    merged: Lexicon | None = None
    scores = heads[1].scores(by_language(target, languages))
    for language in sorted(set(languages)):
        rows = np.flatnonzero(names == language)
        posterior[rows], lexicon = two_views(scores[rows], bags[1][rows], options)
        merged = only_of(lexicon, bags[1][rows], bags[0]).merged(merged)
    return Adopted(posterior, merged if options.lexicon else None)


def with_lexicon(
    head: Head, adopted: Adopted | None, target: FloatArray, bag: Bag, english: Head | None = None
) -> Head:
    """The fine-tuned head with the adoption's lexicon beside it, in the units of its own scores of the target texts.

    The lexicon's bias makes the classes' shares of the target texts those of the adopted labels: a head that has seen
    two languages has one bias, and each language a place of its own.

    Parameters
    ----------
    head : Head
        After training.
    adopted : Adopted, optional
        Nothing changes where there is none, or it has no lexicon.
    target : ndarray of float32, (m, d)
        Unit vectors under the encoder after training.
    bag : CSR matrix, (m, BUCKETS)
        Features of the same texts.
    english : Head, optional
        What English texts are judged by, on the same vectors, where that is not ``head``.
    """
    if adopted is None or adopted.lexicon is None:
        return head
    linear = head.scores(target)
    lexicon = adopted.lexicon.scaled(standardised(linear)[1])
    total, scale = standardised(linear + lexicon.scores(bag))
    shift = class_shift(total, adopted.posterior.mean(0)) * scale
    if english is None:
        return replace(head, lexicon=lexicon.shifted(shift))
    turn = head.weight - english.weight
    return replace(english, lexicon=lexicon.shifted(shift + head.bias - english.bias), turn=turn)


def two_views(scores: FloatArray, bag: Bag, options: AdoptionOptions) -> tuple[Float64Array, Lexicon]:
    """Label texts by head and lexicon in turn.

    Parameters
    ----------
    scores : ndarray of float32, (m, C)
        By the English head.
    bag : CSR matrix, (m, BUCKETS)
        The texts' features.
    options : AdoptionOptions
        Rounds, weight, prior.

    Returns
    -------
    posterior, lexicon
        Distributions, and the lexicon of the last round, scaled and balanced.
    """
    marginals = expected_shares(scores, options.prior)
    first, _ = standardised(scores, marginals)
    weight = options.lexicon * len(scores) / (len(scores) + HALF_WEIGHT)
    combined, lexicon = (
        first,
        Lexicon(np.zeros((bag.shape[1], scores.shape[1]), np.float32), np.zeros(scores.shape[1], np.float32)),
    )
    for round_ in range(options.rounds if weight else 0):
        raw, left_out = fit_lexicon(bag, posterior_of(combined))
        left_out, scale = standardised(left_out)
        if not round_:
            weight *= trust(first, left_out)
        shift = class_shift(left_out, marginals)
        combined, _ = standardised(first + weight * (left_out + shift), marginals)
        lexicon = raw.scaled(weight / scale).shifted(weight * shift)
    return posterior_of(combined), lexicon


def trust(first: Float64Array, second: Float64Array) -> float:
    """How far two views that know nothing of each other agree, from 0 to 1; see `TRUST`."""
    if not first.std() or not second.std():
        return 0.0
    agreement = float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
    return float(np.clip((agreement - TRUST[0]) / (TRUST[1] - TRUST[0]), 0, 1))


def expected_shares(scores: FloatArray, prior: float) -> Float64Array:
    """Shares of the classes: the mean of the head's predictions, drawn towards equal shares, float64 (C,)."""
    spread = scores.astype(np.float64)
    predicted = np.exp(spread - spread.max(1, keepdims=True))
    predicted /= predicted.sum(1, keepdims=True)
    return np.asarray((1 - prior) * predicted.mean(0) + prior / scores.shape[1], np.float64)
