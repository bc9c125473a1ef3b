"""IBM Model 1 link counts."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="numba is part of the extra 'training'")

from training.lexicon import link_counts

#: Piece 100 + i translates piece i; 9 and 109 are words that occur everywhere.
SIZE = 200
FREQUENT = 9


def corpus(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a: list[int] = []
    b: list[int] = []
    a_at, b_at = [0], [0]
    for _ in range(n):
        words = [*rng.choice(FREQUENT, 3, replace=False).tolist(), FREQUENT]
        a += words
        b += [100 + word for word in rng.permutation(words).tolist()]
        a_at.append(len(a))
        b_at.append(len(b))
    return tuple(np.array(values, np.int64) for values in (a, a_at, b, b_at))  # type: ignore[return-value]


def test_a_toy_dictionary_is_found() -> None:
    b_piece, a_piece, count = link_counts(*corpus(400, 0), SIZE, 8)
    for piece in range(FREQUENT + 1):
        of_piece = b_piece == 100 + piece
        best = a_piece[of_piece][count[of_piece].argmax()]
        assert best == piece
        assert count[of_piece].max() > 0.8 * count[of_piece].sum()


def test_each_direction_hands_out_one_count_a_token() -> None:
    a, a_at, b, b_at = corpus(50, 1)
    _, _, count = link_counts(a, a_at, b, b_at, SIZE, 5)
    # the geometric mean cannot exceed what either direction hands out in all
    assert 0 < count.sum() <= len(b) + 1e-6


def test_an_empty_side_links_nothing() -> None:
    a, a_at = np.array([1, 2], np.int64), np.array([0, 2], np.int64)
    b, b_at = np.array([], np.int64), np.array([0, 0], np.int64)
    assert all(len(part) == 0 for part in link_counts(a, a_at, b, b_at, SIZE, 3))
