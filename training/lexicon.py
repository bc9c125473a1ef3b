"""IBM Model 1 (Brown et al. 1993) between pieces of the two sides, by expectation maximisation in both directions."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@numba.njit(cache=True)
def _links(a: Ints, a_at: Ints, b: Ints, b_at: Ints, base: int) -> Ints:
    """Key ``b * base + a`` of every link of every sentence pair, sentence by sentence, b outer."""
    total = 0
    for s in range(len(a_at) - 1):
        total += (a_at[s + 1] - a_at[s]) * (b_at[s + 1] - b_at[s])
    keys = np.empty(total, np.int64)
    k = 0
    for s in range(len(a_at) - 1):
        for j in range(b_at[s], b_at[s + 1]):
            for i in range(a_at[s], a_at[s + 1]):
                keys[k] = b[j] * base + a[i]
                k += 1
    return keys


@numba.njit(cache=True)
def _expect(a_at: Ints, b_at: Ints, link: Ints, t: Floats, by_b: bool) -> Floats:
    """Expected link counts; each b (or each a) distributes one count over the other side."""
    counts = np.zeros(len(t))
    k = 0
    for s in range(len(a_at) - 1):
        n, m = a_at[s + 1] - a_at[s], b_at[s + 1] - b_at[s]
        if by_b:
            for j in range(m):
                z = 1e-12
                for i in range(n):
                    z += t[link[k + j * n + i]]
                for i in range(n):
                    counts[link[k + j * n + i]] += t[link[k + j * n + i]] / z
        else:
            for i in range(n):
                z = 1e-12
                for j in range(m):
                    z += t[link[k + j * n + i]]
                for j in range(m):
                    counts[link[k + j * n + i]] += t[link[k + j * n + i]] / z
        k += n * m
    return counts


def _train(a_at: Ints, b_at: Ints, link: Ints, group: Ints, size: int, by_b: bool, iterations: int) -> Floats:
    """Run EM; ``group`` is the conditioning piece of each distinct link."""
    t = np.full(len(group), 1.0)
    counts = t
    for _ in range(iterations):
        counts = _expect(a_at, b_at, link, t, by_b)
        totals = np.bincount(group, weights=counts, minlength=size)
        t = counts / np.maximum(totals[group], 1e-12)
    return counts


def link_counts(a: Ints, a_at: Ints, b: Ints, b_at: Ints, size: int, iterations: int) -> tuple[Ints, Ints, Floats]:
    """Symmetrised expected link counts of a parallel corpus.

    Parameters
    ----------
    a, b : ndarray of int64
        Pieces of the English and of the other side, sentence after sentence.
    a_at, b_at : ndarray of int64, (n_sentences + 1,)
        Where each sentence starts.
    size : int
        Size of the vocabulary.
    iterations : int
        Rounds of EM in each direction.

    Returns
    -------
    b_piece, a_piece : ndarray of int64
        The distinct links.
    count : ndarray of float64
        Geometric mean of the two directions' expected counts.
    """
    distinct, link = np.unique(_links(a, a_at, b, b_at, size), return_inverse=True)
    b_piece, a_piece = distinct // size, distinct % size
    forward = _train(a_at, b_at, link, a_piece, size, True, iterations)
    backward = _train(a_at, b_at, link, b_piece, size, False, iterations)
    return b_piece, a_piece, np.sqrt(forward * backward)
