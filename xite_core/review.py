"""What an annotation lead needs to decide where people look: coverage by threshold, doubt, near-duplicates, balance."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from xite_core.augmenter import Augmenter
from xite_core.options import AugmentOptions
from xite_core.types import AbstentionReason, AugmentedText, Encoded, Example, FloatArray, Match, Status

THRESHOLDS = (0.0, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)
"""Confidences at which coverage is told by default."""

NEAR = 0.9
"""Cosine from which on two texts count as near-duplicates by default."""

_BLOCK = 1024


class Order(StrEnum):
    """In which order the texts of a review are given."""

    INPUT = "input"
    UNCERTAINTY = "uncertainty"
    CONTRADICTION = "contradiction"


@dataclass(frozen=True, slots=True)
class Doubt:
    """How unsure the match of one text is.

    Parameters
    ----------
    uncertainty : float
        One minus the confidence.
    disagreement : float
        Share of the neighbours whose label is not that of the best one with the adopted label.
    abstained : bool
        Whether it was abstained.
    cosine : float
        Of the matched English example.
    """

    uncertainty: float
    disagreement: float
    abstained: bool
    cosine: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many texts keep a label at a confidence threshold.

    Parameters
    ----------
    min_confidence : float
        The threshold; other thresholds that were in use stay so.
    texts : int
        Texts with a label.
    coverage : float
        Their share.
    label_counts : dict of str to int
        Their labels.
    """

    min_confidence: float
    texts: int
    coverage: float
    label_counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Twin:
    """An earlier text that a text nearly repeats."""

    position: int
    cosine: float


@dataclass(frozen=True, slots=True)
class Review:
    """What is known about some texts before anyone has annotated them.

    Parameters
    ----------
    texts : list of AugmentedText
        Matched, with all thresholds applied.
    coverage : list of Coverage
        What keeps a label at other confidence thresholds.
    doubts : list of Doubt
        How unsure each match is.
    twins : list of Twin or None
        What each text nearly repeats.
    conflicts : list of bool
        Whether a near-duplicate of the text adopted another label, whatever the confidence.
    """

    texts: list[AugmentedText]
    coverage: list[Coverage]
    doubts: list[Doubt]
    twins: list[Twin | None]
    conflicts: list[bool]

    def ordered(self, order: Order) -> list[int]:
        """Positions of the texts in an order."""
        if order is Order.UNCERTAINTY:
            return by_uncertainty(self.doubts)
        if order is Order.CONTRADICTION:
            return by_contradiction(self.doubts, self.conflicts)
        return list(range(len(self.texts)))


def review(
    augmenter: Augmenter,
    examples: Sequence[Example],
    encoded: Encoded,
    options: AugmentOptions,
    *,
    near: float = NEAR,
    thresholds: Sequence[float] = THRESHOLDS,
) -> Review:
    """Match texts and look for what is doubtful.

    Parameters
    ----------
    augmenter : Augmenter
        Bundle and encoder.
    examples : sequence of Example
        n target texts.
    encoded : Encoded
        Their vectors.
    options : AugmentOptions
        Of the matching.
    near : float
        Cosine from which on two of the texts are near-duplicates.
    thresholds : sequence of float
        Confidences at which coverage is told.

    Raises
    ------
    RowError, OptionError
        As `Augmenter.augment` says.
    """
    all_labeled = replace(options, min_confidence=None)
    matched = augmenter.augment(examples, all_labeled, encoded=encoded, interpolate=False).texts
    minimum = options.min_confidence or 0.0
    texts = [replace(text, match=abstained_below(text.match, minimum)) for text in matched]
    twins = near_duplicates(examples, encoded.vectors, near)
    return Review(
        texts=texts,
        coverage=coverage_table(matched, thresholds),
        doubts=[doubt_of(text.match) for text in texts],
        twins=twins,
        conflicts=conflicts_of([text.match.label for text in matched], twins),
    )


def abstained_below(match: Match, minimum: float) -> Match:
    """The same match with ``min_confidence`` applied anew."""
    if match.label is None or match.confidence >= minimum:
        return match
    return replace(match, status=Status.ABSTAINED, reason=AbstentionReason.MIN_CONFIDENCE, label=None)


def doubt_of(match: Match) -> Doubt:
    """How unsure a match is."""
    label = match.matched_example.label
    others = sum(neighbor.label != label for neighbor in match.neighbors)
    return Doubt(
        uncertainty=1.0 - match.confidence,
        disagreement=others / len(match.neighbors),
        abstained=match.status is Status.ABSTAINED,
        cosine=match.cosine,
    )


def by_uncertainty(doubts: Sequence[Doubt]) -> list[int]:
    """Positions, those first that need a human most: the abstained, then the least certain.

    Where the certainty is the same, those come first whose neighbours disagree more, then those that are far from
    every English example.
    """
    return sorted(
        range(len(doubts)),
        key=lambda i: (
            not doubts[i].abstained,
            -round(doubts[i].uncertainty, 6),
            -doubts[i].disagreement,
            doubts[i].cosine,
            i,
        ),
    )


def by_contradiction(doubts: Sequence[Doubt], conflicts: Sequence[bool]) -> list[int]:
    """Positions, those first that contradict: near-duplicates with other labels, then neighbours that disagree.

    Parameters
    ----------
    doubts : sequence of Doubt
        Of all texts.
    conflicts : sequence of bool
        Whether a near-duplicate of the text adopted another label.
    """
    return sorted(
        range(len(doubts)),
        key=lambda i: (not conflicts[i], -doubts[i].disagreement, -round(doubts[i].uncertainty, 6), i),
    )


def coverage_table(texts: Sequence[AugmentedText], thresholds: Sequence[float] = THRESHOLDS) -> list[Coverage]:
    """Coverage and labels at each confidence threshold.

    Parameters
    ----------
    texts : sequence of AugmentedText
        Matched with no ``min_confidence``, else nothing is known below it.
    thresholds : sequence of float
        From 0 to 1.
    """
    labeled = [(text.match.confidence, text.match.label) for text in texts if text.match.label is not None]
    table = []
    for threshold in thresholds:
        kept = Counter(label for confidence, label in labeled if confidence >= threshold)
        count = sum(kept.values())
        table.append(Coverage(threshold, count, count / len(texts) if texts else 0.0, dict(sorted(kept.items()))))
    return table


def near_duplicates(
    examples: Sequence[Example], vectors: FloatArray, threshold: float = NEAR, block: int = _BLOCK
) -> list[Twin | None]:
    """For each text the earlier one that it nearly repeats.

    Texts that differ only in case, width or white space always count; otherwise the vectors decide.

    Parameters
    ----------
    examples : sequence of Example
        n texts.
    vectors : ndarray of float32, (n, d)
        Their unit vectors.
    threshold : float
        Cosine from which on two texts are near-duplicates.
    block : int
        Rows that are compared at once; memory grows with ``block * n``.

    Returns
    -------
    list of Twin or None
        The nearest earlier text, the first among equals; ``None`` where none is near enough.
    """
    twins: list[Twin | None] = [None] * len(examples)
    for start in range(0, len(vectors), block):
        stop = min(start + block, len(vectors))
        cosines = vectors[start:stop] @ vectors[:stop].T
        later = np.arange(stop)[None, :] >= np.arange(start, stop)[:, None]
        cosines[later] = -np.inf
        best = cosines.argmax(1)
        for i, position in enumerate(best.tolist()):
            if cosines[i, position] >= threshold:
                twins[start + i] = Twin(position, min(1.0, float(cosines[i, position])))
    seen: dict[tuple[str, str], int] = {}
    for i, example in enumerate(examples):
        first = seen.setdefault((_plain(example.text), _plain(example.text_pair or "")), i)
        if first != i:
            twins[i] = Twin(first, 1.0)
    return twins


def conflicts_of(labels: Sequence[str | None], twins: Sequence[Twin | None]) -> list[bool]:
    """Whether a text and a near-duplicate of it have different labels; both of them are marked."""
    marked = [False] * len(labels)
    for i, twin in enumerate(twins):
        if twin is not None and None not in (labels[i], labels[twin.position]) and labels[i] != labels[twin.position]:
            marked[i] = marked[twin.position] = True
    return marked


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
