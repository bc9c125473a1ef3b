"""Exact search with NumPy alone: the oracle of the tests, and a backend where FAISS cannot be had."""

from __future__ import annotations

import numpy as np

from xite_core.index.protocol import checked_queries, ranked
from xite_core.types import FloatArray, IntArray

MARGIN = 16
"""Candidates beyond k that are ranked exactly, so that rounding in the matrix product decides nothing."""

_ROWS = 8192
_QUERIES = 256


class NumpyIndex:
    """Exact maximum-inner-product search, block by block; holds no copy of the vectors.

    Parameters
    ----------
    matrix : ndarray of float32, (n, D)
        The rows; a memory map will do.
    """

    def __init__(self, matrix: FloatArray) -> None:
        self.matrix = matrix

    @property
    def ntotal(self) -> int:
        """Number of rows."""
        return len(self.matrix)

    @property
    def dimension(self) -> int:
        """Length of a row."""
        return int(self.matrix.shape[1])

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Search exactly; see `VectorIndex.search`."""
        queries = checked_queries(queries, k, self.ntotal, self.dimension)
        take = min(self.ntotal, k + MARGIN)
        rows = np.empty((len(queries), take), np.int64)
        for start in range(0, len(queries), _QUERIES):
            rows[start : start + _QUERIES] = self._candidates(queries[start : start + _QUERIES], take)
        return ranked(self.matrix, queries, rows, k)

    def _candidates(self, queries: FloatArray, take: int) -> IntArray:
        """Rows of the ``take`` largest products, (m, take), in no order."""
        best = np.empty((len(queries), 0), np.float32)
        rows = np.empty((len(queries), 0), np.int64)
        for start in range(0, self.ntotal, _ROWS):
            products = queries @ self.matrix[start : start + _ROWS].T
            found = np.broadcast_to(np.arange(start, start + products.shape[1]), products.shape)
            best, rows = np.hstack([best, products]), np.hstack([rows, found])
            if best.shape[1] > take:
                keep = np.argpartition(best, -take, axis=1)[:, -take:]
                best, rows = np.take_along_axis(best, keep, 1), np.take_along_axis(rows, keep, 1)
        return rows
