"""The lexicon: features, left-out scores, class shares."""

from __future__ import annotations

import numpy as np
import pytest

from xite_core.lexicon import (
    BUCKETS,
    bag_of,
    class_shift,
    fit_lexicon,
    only_of,
    posterior_of,
    standardised,
)

SURE = np.array([[0.99, 0.01], [0.01, 0.99]])


def test_bag_holds_tokens_and_neighbours_once() -> None:
    bag = bag_of([[1, 2, 1, 2], [1]], 2)
    assert bag.shape == (2, BUCKETS)
    assert bag[0].sum() == 4  # 1, 2, 1-2, 2-1
    assert bag[1].sum() == 1
    assert set(np.unique(bag.data)) == {1.0}


def test_order_of_neighbours_matters_and_sides_are_apart() -> None:
    one, other = bag_of([[5, 6]], 1), bag_of([[6, 5]], 1)
    assert (one != other).nnz
    pair = bag_of([[5], [5]], 1)
    assert pair.sum() == 2
    assert bag_of([], 0).shape == (0, BUCKETS)


def world(count: int, seed: int = 0) -> tuple[list[list[int]], np.ndarray]:
    """Texts of ten common tokens and two that tell the class nine times in ten."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2, count)
    texts = []
    for code in codes:
        told = code if rng.random() < 0.9 else 1 - code
        texts.append([*rng.integers(0, 40, 10), 100 + 10 * told + rng.integers(0, 5), 100 + 10 * told])
    return [[int(token) for token in text] for text in texts], codes


def test_learns_more_than_the_labels_that_it_is_given() -> None:
    texts, codes = world(2000)
    noisy = np.where(np.random.default_rng(1).random(2000) < 0.7, codes, 1 - codes)
    lexicon, left_out = fit_lexicon(bag_of(texts, 2000), SURE[noisy])
    assert (left_out.argmax(1) == codes).mean() > 0.78
    fresh, truth = world(500, 7)
    assert (lexicon.scores(bag_of(fresh, 500)).argmax(1) == truth).mean() > 0.78


def test_left_out_scores_are_those_without_the_text() -> None:
    texts, codes = world(60)
    posterior = SURE[codes]
    _, left_out = fit_lexicon(bag_of(texts, 60), posterior)
    counts = np.asarray(bag_of(texts, 60).T @ posterior)
    own = bag_of(texts, 60)[3].indices
    shares = (counts.sum(0) + 2) / (counts.sum() + 4)
    logs = np.log((counts[own] - posterior[3]) / 2 + shares) - np.log(shares)
    assert left_out[3] == pytest.approx((logs - logs.mean(1, keepdims=True)).sum(0) / np.sqrt(len(own)))


def test_random_labels_leave_nothing_to_learn() -> None:
    texts, _ = world(1000)
    random = np.random.default_rng(3).integers(0, 2, 1000)
    _, left_out = fit_lexicon(bag_of(texts, 1000), SURE[random])
    assert 0.4 < (left_out.argmax(1) == random).mean() < 0.6


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_shift_gives_each_class_its_share(n_classes: int) -> None:
    scores, _ = standardised(np.random.default_rng(0).normal(size=(500, n_classes)))
    wanted = np.arange(1, n_classes + 1) / (n_classes * (n_classes + 1) / 2)
    moved = scores + class_shift(scores, wanted)
    assert posterior_of(moved).mean(0) == pytest.approx(wanted, abs=1e-3)
    assert np.sqrt((scores**2).mean()) == pytest.approx(1)
    assert scores.sum(1) == pytest.approx(np.zeros(500), abs=1e-9)


def test_constant_scores_do_no_harm() -> None:
    scores, scale = standardised(np.ones((4, 3)), np.full(3, 1 / 3))
    assert np.isfinite(scores).all()
    assert scale == 1


def test_texts_of_another_language_are_not_touched() -> None:
    texts, codes = world(300)
    english = [[t + 1000 for t in text] for text in texts]
    bag, foreign = bag_of(texts, 300), bag_of([*english, *texts[:1]], 301)
    lexicon, _ = fit_lexicon(bag, SURE[codes])
    own = only_of(lexicon.shifted(np.array([1.0, -1.0])), bag, foreign)
    assert (own.scores(bag_of(english, 300)) == 0).all()
    assert own.familiarity(bag).mean() > 0.9
    unshifted = only_of(lexicon, bag, foreign)
    assert (own.scores(bag) - unshifted.scores(bag)).mean(0) == pytest.approx([1, -1], abs=0.1)
    assert ((own.scaled(2).scores(bag) - 2 * own.scores(bag)) ** 2).max() < 1e-9


def test_merged_lexicons_add_up() -> None:
    texts, codes = world(100)
    bag = bag_of(texts, 100)
    one, _ = fit_lexicon(bag, SURE[codes])
    other, _ = fit_lexicon(bag, SURE[1 - codes])
    assert one.merged(None) is one
    assert (one.merged(other).weight == one.weight + other.weight).all()
