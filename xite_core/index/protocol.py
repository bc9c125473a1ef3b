"""What the rest of the library asks of a search structure."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from xite_core.errors import InputError, OptionError
from xite_core.types import FloatArray, IntArray


class VectorIndex(Protocol):
    """Maximum-inner-product search over the rows of one matrix."""

    @property
    def ntotal(self) -> int:
        """Number of rows."""

    @property
    def dimension(self) -> int:
        """Length of a row."""

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Find the rows with the largest inner products.

        Parameters
        ----------
        queries : ndarray of float32, (m, D)
            Not changed.
        k : int
            From 1 to `ntotal`.

        Returns
        -------
        scores : ndarray of float32, (m, k)
            Inner products, best first; equal ones by ascending row.
        rows : ndarray of int64, (m, k)
            Row numbers.

        Raises
        ------
        OptionError
            If k is out of range.
        InputError
            If the queries have another shape or hold NaN or infinity.
        """


def checked_queries(queries: FloatArray, k: int, ntotal: int, dimension: int) -> FloatArray:
    """Give the queries as a contiguous float32 matrix, after checking them and k.

    Raises
    ------
    OptionError, InputError
        As `VectorIndex.search` says.
    """
    if not 1 <= k <= ntotal:
        raise OptionError("k", k, f"a whole number from 1 to {ntotal}, the size of the index")
    if queries.ndim != 2 or queries.shape[1] != dimension:
        raise InputError(f"queries of shape {queries.shape}, the index expects (m, {dimension})")
    if not np.isfinite(queries).all():
        raise InputError("a query vector holds NaN or infinity")
    return np.ascontiguousarray(queries, np.float32)


def ranked(matrix: FloatArray, queries: FloatArray, candidates: IntArray, k: int) -> tuple[FloatArray, IntArray]:
    """Rank the best k of each query's candidates by exact inner products.

    Every product is summed in float64 in the same order, so that equal rows get equal scores and a text's result does
    not depend on the batch it came in.

    Parameters
    ----------
    matrix : ndarray of float32, (n, D)
        The stored vectors; a memory map will do.
    queries : ndarray of float32, (m, D)
        Query vectors.
    candidates : ndarray of int64, (m, c)
        Rows to choose from, c >= k; each row once a query. -1 stands for no row, at least k others must be there.

    Returns
    -------
    scores, rows
        As `VectorIndex.search` gives them.
    """
    scores = np.empty(candidates.shape, np.float32)
    for i, rows in enumerate(candidates):
        scores[i] = (matrix[rows].astype(np.float64) * queries[i]).sum(1)
    scores[candidates < 0] = -np.inf
    order = np.lexsort((candidates, -scores), axis=1)[:, :k]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(candidates, order, 1)
