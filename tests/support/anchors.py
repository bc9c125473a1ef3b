"""A small labeled index with language structure, and NumPy oracles that share no code with the library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xite_core.index.numpy_index import NumpyIndex


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@dataclass
class Anchors:
    """An in-memory AnchorIndex."""

    vectors: np.ndarray
    hubness: np.ndarray
    label_codes: np.ndarray

    def __post_init__(self) -> None:
        self._index = NumpyIndex(np.hstack([self.vectors, self.hubness]).astype(np.float32))

    @property
    def ntotal(self) -> int:
        return len(self.vectors)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        return self._index.search(queries, k)


def oracle_mean_of_nearest(vectors: np.ndarray, pool: np.ndarray, k: int) -> np.ndarray:
    cosines = vectors.astype(np.float64) @ pool.T.astype(np.float64)
    return np.sort(cosines, axis=1)[:, ::-1][:, :k].mean(1)


def oracle_scores(
    targets: np.ndarray, sources: np.ndarray, r_target_of_sources: np.ndarray, scoring: str, k_mean: int = 10
) -> np.ndarray:
    """Full score matrix (m, n); ``r_target_of_sources`` is (m, n): r_T(s) in each target's language."""
    cosines = targets.astype(np.float64) @ sources.T.astype(np.float64)
    if scoring == "cosine":
        return cosines
    r_source = np.sort(cosines, axis=1)[:, ::-1][:, :k_mean].mean(1, keepdims=True)
    if scoring == "csls":
        return 2 * cosines - r_source - r_target_of_sources
    return cosines / ((r_source + r_target_of_sources) / 2)


def oracle_vote(scores: np.ndarray, codes: np.ndarray, n_labels: int, tau: float) -> np.ndarray:
    """Shares (m, n_labels), one text and one neighbour at a time."""
    shares = np.zeros((len(scores), n_labels))
    for i, (row, labels) in enumerate(zip(scores, codes, strict=True)):
        weights = [np.exp((float(score) - float(row[0])) / tau) for score in row]
        for weight, label in zip(weights, labels, strict=True):
            shares[i, label] += weight
        shares[i] /= shares[i].sum()
    return shares
