"""Each language's vectors without its mean: where a head for the target languages is trained at depth ``head`` (ours).

A language sits at a place of its own in the encoder's space, which tells no label. Without the means English and the
target texts overlap, so that one head serves both; it is folded back into a head on plain vectors for the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xite_core.finetune.head import Head
from xite_core.interpolation import unit
from xite_core.types import FloatArray

FEW = 20
"""Texts from which on a language has a mean of its own."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where some vectors sit.

    Parameters
    ----------
    mean : ndarray of float32, (d,)
        Their mean.
    spread : float
        Mean length of what is left of them without it.
    """

    mean: FloatArray
    spread: float

    @classmethod
    def of(cls, vectors: FloatArray) -> Place:
        """Measure float32 vectors, (n, d)."""
        mean = vectors.mean(0)
        return cls(mean, float(np.linalg.norm(vectors - mean, axis=1).mean()) or 1.0)

    def centred(self, vectors: FloatArray) -> FloatArray:
        """Unit vectors without the mean, float32 (n, d)."""
        return unit(vectors - self.mean)

    def enter(self, head: Head) -> Head:
        """A head on centred vectors that scores as ``head`` does on plain ones."""
        return Head(head.weight * np.float32(self.spread), head.bias + head.weight @ self.mean)

    def leave(self, head: Head) -> Head:
        """A head on plain vectors that scores as ``head`` does on centred ones."""
        weight = np.asarray(head.weight / np.float32(self.spread), np.float32)
        return Head(weight, head.bias - weight @ self.mean)


def by_language(vectors: FloatArray, languages: Sequence[str]) -> FloatArray:
    """Unit vectors without the mean of their language, float32 (m, d).

    A language of fewer than `FEW` texts loses the mean of all: its own would take most of such texts with it.
    """
    names, made, everywhere = np.array(languages), np.empty_like(vectors), Place.of(vectors)
    for language in sorted(set(languages)):
        rows = np.flatnonzero(names == language)
        place = everywhere if len(rows) < FEW else Place.of(vectors[rows])
        made[rows] = place.centred(vectors[rows])
    return made
