"""Scores, vote and abstention against NumPy oracles."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.anchors import Anchors, oracle_mean_of_nearest, oracle_scores, oracle_vote, unit_rows
from xite_core.errors import OptionError
from xite_core.matching import NEIGHBOURHOOD, Matcher, mean_of_nearest, occurrence_skewness, vote, with_thresholds
from xite_core.options import AugmentOptions
from xite_core.types import AbstentionReason, Scoring, Voting

N, M, D, L = 400, 60, 24, 3
RNG = np.random.default_rng(5)
CENTRE = RNG.normal(size=D)
SOURCES = unit_rows(CENTRE + RNG.normal(size=(N, D)))
TARGETS = unit_rows(0.6 * CENTRE + RNG.normal(size=(M, D)))
POOLS = [unit_rows((0.4 + 0.3 * i) * CENTRE + RNG.normal(size=(80, D))) for i in range(L)]
CODES = RNG.integers(0, 3, N)
COLUMNS = RNG.integers(0, L, M)


@pytest.fixture(scope="module")
def anchors() -> Anchors:
    return Anchors(SOURCES, np.stack([mean_of_nearest(SOURCES, pool) for pool in POOLS], 1), CODES)


def test_mean_of_nearest_matches_the_oracle() -> None:
    expected = oracle_mean_of_nearest(SOURCES, POOLS[0], NEIGHBOURHOOD)
    assert np.allclose(mean_of_nearest(SOURCES, POOLS[0], block=37), expected, atol=1e-6)


def test_mean_of_nearest_leaves_the_vector_itself_out() -> None:
    pool = SOURCES[:50]
    assert np.allclose(
        mean_of_nearest(SOURCES[:1], pool), oracle_mean_of_nearest(SOURCES[:1], pool[1:], NEIGHBOURHOOD), atol=1e-6
    )


@pytest.mark.parametrize("k", [1, 7, 50])
@pytest.mark.parametrize("scoring", list(Scoring))
def test_top_k_is_exact(scoring: Scoring, k: int, anchors: Anchors) -> None:
    table = Matcher(anchors, 3).match(TARGETS, COLUMNS, AugmentOptions(k=k, scoring=scoring))
    full = oracle_scores(TARGETS, SOURCES, anchors.hubness[:, COLUMNS].T, scoring)
    best = np.sort(full, axis=1)[:, ::-1][:, :k]
    assert np.allclose(table.scores, best, atol=2e-5)
    assert np.allclose(np.take_along_axis(full, table.rows, 1), best, atol=2e-5)
    cosines = oracle_scores(TARGETS, SOURCES, anchors.hubness[:, COLUMNS].T, "cosine")
    assert np.allclose(table.cosines, np.take_along_axis(cosines, table.rows, 1), atol=2e-5)


def test_rescoring_a_cosine_top_k_would_differ(anchors: Anchors) -> None:
    """The reason for the exact search: without it this data gives other neighbours."""
    cosine = Matcher(anchors, 3).match(TARGETS, COLUMNS, AugmentOptions(k=8, scoring=Scoring.COSINE))
    csls = Matcher(anchors, 3).match(TARGETS, COLUMNS, AugmentOptions(k=8, scoring=Scoring.CSLS))
    assert any(set(a) != set(b) for a, b in zip(cosine.rows.tolist(), csls.rows.tolist(), strict=True))


@pytest.mark.parametrize("voting", list(Voting))
def test_vote_matches_the_oracle(voting: Voting, anchors: Anchors) -> None:
    table = Matcher(anchors, 3).match(TARGETS, COLUMNS, AugmentOptions(k=9, tau=0.1, voting=voting))
    shares = oracle_vote(table.scores, CODES[table.rows], 3, 0.1)
    expected = CODES[table.rows[:, 0]] if voting is Voting.NEAREST else shares.argmax(1)
    assert (table.label == expected).all()
    assert np.allclose(table.confidence, shares[np.arange(M), expected], atol=1e-6)


def test_partner_is_the_best_neighbour_of_the_adopted_label() -> None:
    scores = np.array([[0.9, 0.89, 0.88]], np.float32)
    label, confidence, partner = vote(scores, np.array([[0, 1, 1]]), 2, Voting.WEIGHTED, 1.0)
    assert (label[0], partner[0]) == (1, 1)
    assert confidence[0] == pytest.approx(2 / 3, abs=0.01)


def test_vote_survives_extreme_temperatures() -> None:
    scores = np.array([[30.0, -30.0]], np.float32)
    for tau in (1e-4, 1e4):
        _, confidence, _ = vote(scores, np.array([[0, 1]]), 2, Voting.WEIGHTED, tau)
        assert np.isfinite(confidence).all()


def test_permuting_the_input_permutes_the_output(anchors: Anchors) -> None:
    options = AugmentOptions(k=5, scoring=Scoring.MARGIN)
    matcher, order = Matcher(anchors, 3), RNG.permutation(M)
    straight, permuted = (
        matcher.match(TARGETS, COLUMNS, options),
        matcher.match(TARGETS[order], COLUMNS[order], options),
    )
    assert (permuted.rows == straight.rows[order]).all()
    assert (permuted.label == straight.label[order]).all()


def test_thresholds_are_applied_anew_without_another_search(anchors: Anchors) -> None:
    table = Matcher(anchors, 3).match(TARGETS, COLUMNS, AugmentOptions(k=8))
    assert table.matched.all()
    median = float(np.median(table.at_partner(table.cosines)))
    strict = with_thresholds(table, AugmentOptions(k=8, min_cosine=median, min_confidence=0.6))
    low_cosine = table.at_partner(table.cosines) < median
    assert low_cosine.any()
    low_confidence = table.confidence < 0.6
    assert (strict.matched == ~(low_cosine | low_confidence)).all()
    assert {strict.reason[i] for i in np.flatnonzero(low_cosine)} == {AbstentionReason.MIN_COSINE}
    again = with_thresholds(strict, AugmentOptions(k=8))
    assert again.matched.all()


def test_k_beyond_the_index_names_the_option(anchors: Anchors) -> None:
    small = Anchors(SOURCES[:5], anchors.hubness[:5], CODES[:5])
    with pytest.raises(OptionError, match="k=8: expected at most 5"):
        Matcher(small, 3).match(TARGETS, COLUMNS, AugmentOptions(k=8))


def test_hubness_skewness() -> None:
    assert occurrence_skewness(np.full(10, 3)) == 0
    assert occurrence_skewness(np.array([0] * 99 + [50])) > 5
    uneven = np.array([0, 1, 1, 2, 7])
    deviation = uneven - uneven.mean()
    assert occurrence_skewness(uneven) == pytest.approx((deviation**3).mean() / (deviation**2).mean() ** 1.5)
