"""What a review says about matches, without an encoder where possible."""

from __future__ import annotations

import numpy as np

from tests.support.bundles import demo_rows, unlabeled
from xite_core.augmenter import Augmenter
from xite_core.review import (
    Doubt,
    Order,
    Twin,
    abstained_below,
    by_contradiction,
    by_uncertainty,
    conflicts_of,
    coverage_table,
    doubt_of,
    near_duplicates,
    review,
)
from xite_core.types import AbstentionReason, AugmentedText, Example, Match, Neighbor, Status


def match(confidence: float, label: str | None = "a", neighbors: str = "aab", cosine: float = 0.5) -> Match:
    near = tuple(Neighbor(str(i), "text", None, name, 0.5, cosine) for i, name in enumerate(neighbors))
    reason = AbstentionReason.MIN_COSINE if label is None else None
    status = Status.ABSTAINED if reason else Status.MATCHED
    return Match(status, reason, label, confidence, 0.5, cosine, "ko", near)


def text(confidence: float, label: str | None = "a") -> AugmentedText:
    return AugmentedText(Example("text"), match(confidence, label), (), 3, False)


def test_coverage_falls_with_the_threshold() -> None:
    texts = [text(0.5), text(0.7, "b"), text(0.9), text(0.99, None)]
    table = coverage_table(texts, (0.0, 0.7, 0.95))
    assert [row.texts for row in table] == [3, 2, 0]
    assert [row.coverage for row in table] == [0.75, 0.5, 0.0]
    assert table[0].label_counts == {"a": 2, "b": 1}
    assert coverage_table([], (0.5,))[0].coverage == 0.0


def test_a_threshold_is_applied_to_matches_as_they_are() -> None:
    below = abstained_below(match(0.6), 0.7)
    assert (below.status, below.reason, below.label) == (Status.ABSTAINED, AbstentionReason.MIN_CONFIDENCE, None)
    assert below.matched_example.label == "a"
    assert abstained_below(match(0.7), 0.7) == match(0.7)
    assert abstained_below(match(0.6, None), 0.7).reason is AbstentionReason.MIN_COSINE


def test_disagreement_is_about_all_neighbours() -> None:
    assert doubt_of(match(0.9, neighbors="abbb")).disagreement == 0.75
    assert doubt_of(match(0.9, neighbors="aaaa")).disagreement == 0.0


def test_the_least_certain_come_first() -> None:
    doubts = [
        Doubt(0.1, 0.0, False, 0.5),
        Doubt(0.4, 0.2, False, 0.5),
        Doubt(0.1, 0.0, True, 0.5),
        Doubt(0.4, 0.6, False, 0.5),
        Doubt(0.1, 0.0, False, 0.4),
    ]
    assert by_uncertainty(doubts) == [2, 3, 1, 4, 0]


def test_the_most_contradictory_come_first() -> None:
    doubts = [Doubt(0.1, 0.1, False, 0.5), Doubt(0.1, 0.6, False, 0.5), Doubt(0.0, 0.0, False, 0.5)]
    assert by_contradiction(doubts, [False, False, True]) == [2, 1, 0]


def test_near_duplicates_point_to_an_earlier_text() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 16)).astype(np.float32)
    vectors[40] = vectors[7] + 0.01 * vectors[3]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    examples = [Example(f"text {i}") for i in range(50)]
    whole = near_duplicates(examples, vectors, 0.95)
    assert [i for i, twin in enumerate(whole) if twin] == [40]
    twin = whole[40]
    assert twin is not None
    assert twin.position == 7
    for block in (1, 7, 50):
        assert [one and one.position for one in near_duplicates(examples, vectors, 0.95, block)] == [
            one and one.position for one in whole
        ]


def test_texts_that_differ_in_case_and_white_space_are_duplicates_whatever_their_vectors() -> None:
    examples = [
        Example("So  good"),
        Example("other"),
        Example("so good "),
        Example("so good", "pair"),
        Example("SO GOOD"),
    ]
    twins = near_duplicates(examples, np.eye(5, dtype=np.float32), 0.95)
    assert twins == [None, None, Twin(0, 1.0), None, Twin(0, 1.0)]


def test_conflicts_mark_both_texts() -> None:
    twins = [None, Twin(0, 1.0), Twin(0, 1.0), None]
    assert conflicts_of(["a", "b", "a", "b"], twins) == [True, True, False, False]
    assert conflicts_of(["a", None, "a", "b"], twins) == [False] * 4


def test_a_review_as_a_whole(augmenter: Augmenter) -> None:
    examples = unlabeled(demo_rows("reviews", "ko", 20))
    examples.append(examples[3])
    encoded = augmenter.encoder.encode(examples)
    options = augmenter.bundle.options.replaced({"min_confidence": 0.8})
    made = review(augmenter, examples, encoded, options, thresholds=(0.0, 0.8))
    labeled = sum(text.match.label is not None for text in made.texts)
    assert made.coverage[0].texts == len(examples)
    assert made.coverage[1].texts == labeled
    assert 0 < labeled < len(examples)
    twin = made.twins[20]
    assert twin is not None
    assert twin.position == 3
    order = made.ordered(Order.UNCERTAINTY)
    assert sorted(order) == made.ordered(Order.INPUT)
    abstained = [made.doubts[i].abstained for i in order]
    assert abstained == sorted(abstained, reverse=True)
    assert sorted(made.ordered(Order.CONTRADICTION)) == made.ordered(Order.INPUT)
