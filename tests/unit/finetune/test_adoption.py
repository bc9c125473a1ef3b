"""Adopted labels: two views, their trust in each other, the lexicon beside the head."""

from __future__ import annotations

import numpy as np
import pytest

from xite_core.finetune.adoption import (
    HALF_WEIGHT,
    Adoption,
    AdoptionOptions,
    adopt,
    expected_shares,
    trust,
    two_views,
    with_lexicon,
)
from xite_core.finetune.centring import Place
from xite_core.finetune.head import Head
from xite_core.lexicon import bag_of, posterior_of
from xite_core.types import FloatArray

VIEWS = AdoptionOptions(Adoption.VIEWS, rounds=3, lexicon=1.5, prior=0.5)


def texts(count: int, start: int, seed: int = 0) -> tuple[list[list[int]], np.ndarray]:
    """Tokens of a language that begin at ``start``; two of twelve tell the class."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2, count)
    rows = [[*rng.integers(0, 30, 10), 50 + 5 * code, 51 + 5 * code] for code in codes]
    return [[int(start + token) for token in row] for row in rows], codes


def vectors(codes: np.ndarray, shift: float, seed: int = 0) -> FloatArray:
    """The class faintly in the first number, the language in the second."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(len(codes), 16))
    made[:, 0] += np.where(codes == 1, 1.0, -1.0) + shift
    made[:, 1] += shift
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


WEIGHT = np.zeros((2, 16), np.float32)
WEIGHT[:, 0] = -4, 4
HEAD = Head(WEIGHT, np.zeros(2, np.float32))


def test_two_views_know_more_than_the_head() -> None:
    ids, codes = texts(1200, 0)
    scores = HEAD.scores(vectors(codes, 0))
    posterior, lexicon = two_views(scores, bag_of(ids, 1200), VIEWS)
    alone, both = ((part.argmax(1) == codes).mean() for part in (scores, posterior))
    assert both > alone + 0.05
    fresh, truth = texts(400, 0, 9)
    assert (lexicon.scores(bag_of(fresh, 400)).argmax(1) == truth).mean() > 0.85
    assert posterior.mean(0) == pytest.approx(expected_shares(scores, 0.5), abs=0.01)


def test_a_lexicon_that_knows_nothing_is_not_trusted() -> None:
    _, codes = texts(1200, 0)
    noise = [[int(token) for token in row] for row in np.random.default_rng(3).integers(0, 30, (1200, 12))]
    scores = HEAD.scores(vectors(codes, 0))
    posterior, lexicon = two_views(scores, bag_of(noise, 1200), VIEWS)
    assert (posterior.argmax(1) == codes).mean() >= (scores.argmax(1) == codes).mean() - 0.02
    assert np.abs(lexicon.weight).max() == 0


def test_trust_rises_with_agreement() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 4000))
    values = [trust(one, share * one + (1 - share) * other) for share in (0.0, 0.2, 0.38, 0.8)]
    assert values[:2] == [0, 0]
    assert 0 < values[2] < values[3] == 1
    assert trust(one, np.zeros(4000)) == 0


def test_each_language_is_labeled_by_itself_and_english_is_left_alone() -> None:
    english, english_codes = texts(600, 5000, 4)
    first, first_codes = texts(HALF_WEIGHT, 0)
    second, second_codes = texts(HALF_WEIGHT, 1000, 1)
    codes = np.concatenate([first_codes, second_codes])
    anchors = vectors(english_codes, 0, 1)
    target = np.concatenate([vectors(first_codes, 2.0, 2), vectors(second_codes, -2.0, 3)])
    bags = bag_of(english, 600), bag_of([*first, *second], 2 * HALF_WEIGHT)
    adopted = adopt(
        (HEAD, Place.of(anchors).enter(HEAD)), target, ["ko"] * HALF_WEIGHT + ["ar"] * HALF_WEIGHT, bags, VIEWS
    )
    assert (adopted.label == codes).mean() > (HEAD.predict(target) == codes).mean() + 0.1
    whole = with_lexicon(HEAD, adopted, target, bags[1])
    assert (whole.scores(anchors, bags[0]) == HEAD.scores(anchors)).all()
    assert (whole.predict(target, bags[1]) == codes).mean() > (HEAD.predict(target) == codes).mean() + 0.1
    shares = posterior_of(whole.scores(target, bags[1]).astype(np.float64)).mean(0)
    assert shares == pytest.approx([0.5, 0.5], abs=0.1)


def test_english_is_judged_by_the_english_head_and_the_target_by_the_trained_one() -> None:
    english, english_codes = texts(600, 5000, 4)
    target_ids, codes = texts(HALF_WEIGHT, 0)
    anchors, target = vectors(english_codes, 0, 1), vectors(codes, 2.0, 2)
    bags = bag_of(english, 600), bag_of(target_ids, HALF_WEIGHT)
    adopted = adopt((HEAD, Place.of(anchors).enter(HEAD)), target, ["ko"] * HALF_WEIGHT, bags, VIEWS)
    tuned = Head(HEAD.weight + np.float32(0.5), HEAD.bias + np.array([9, -2], np.float32))
    both = with_lexicon(tuned, adopted, target, bags[1], HEAD)
    assert (both.scores(anchors, bags[0]) == HEAD.scores(anchors)).all()
    assert both.turn == pytest.approx(np.full_like(HEAD.weight, 0.5))
    alone = with_lexicon(tuned, adopted, target, bags[1])
    assert both.scores(target, bags[1]) == pytest.approx(alone.scores(target, bags[1]), abs=1e-4)


def test_without_lexicon_the_head_stays() -> None:
    ids, codes = texts(60, 0)
    bag = bag_of(ids, 60)
    target = vectors(codes, 0)
    plain = adopt((HEAD, HEAD), target, ["ko"] * 60, (bag, bag), AdoptionOptions(Adoption.HEAD, 3, 1.5, 0.5))
    assert plain.lexicon is None
    assert (plain.label == HEAD.predict(target)).all()
    assert with_lexicon(HEAD, plain, target, bag) is HEAD
    assert with_lexicon(HEAD, None, target, bag) is HEAD
    off = adopt((HEAD, HEAD), target, ["ko"] * 60, (bag, bag), AdoptionOptions(Adoption.VIEWS, 3, 0.0, 0.5))
    assert off.lexicon is None
