"""The training objective: cross-entropy of the head on interpolated vectors and on plain English ones, in torch.

``interpolation.lerp`` and ``subspace.Subspaces.project`` are the same arithmetic in NumPy; here gradients pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xite_core.subspace import Subspaces
from xite_core.types import FloatArray, SubspaceKind


@dataclass(frozen=True, slots=True)
class Projection:
    """``pi(u)`` with constant factors: no gradient reaches P or mu.

    Parameters
    ----------
    keep : float
        Weight of u itself: 1 for ``none`` and ``neutral``, else 0.
    sign : float
        Weight of ``P (u - mu)``: 1, or -1 for ``neutral``.
    mean : ndarray of float32, (d,)
        mu; 0 where u itself is kept.
    centre : ndarray of float32, (d,)
        mu, taken from u before P.
    inward, outward : ndarray of float32, (d, r)
        ``P = outward inward^T``; of rank 0 for ``none``.
    """

    keep: float
    sign: float
    mean: FloatArray
    centre: FloatArray
    inward: FloatArray
    outward: FloatArray

    def __call__(self, vectors: Tensor) -> Tensor:
        """``keep u + mean + sign P (u - centre)``, (n, d)."""
        inward, outward, mean, centre = (
            torch.from_numpy(part).to(vectors.device) for part in (self.inward, self.outward, self.mean, self.centre)
        )
        return self.keep * vectors + mean + self.sign * ((vectors - centre) @ inward) @ outward.T


def projection(subspaces: Subspaces, kind: SubspaceKind) -> Projection:
    """The projection of a kind, as constants."""
    subspace = subspaces.label if kind is SubspaceKind.LABEL else subspaces.language
    mu = subspace.mean.astype(np.float32)
    inward = subspace.basis.astype(np.float32)
    outward = inward if kind is SubspaceKind.ORTHOGONAL else subspace.carrier.astype(np.float32)
    keeps = kind in (SubspaceKind.NONE, SubspaceKind.NEUTRAL)
    if kind is SubspaceKind.NONE:
        inward = outward = inward[:, :0]
    sign = -1.0 if kind is SubspaceKind.NEUTRAL else 1.0
    copies = (np.ascontiguousarray(part) for part in (np.zeros_like(mu) if keeps else mu, mu, inward, outward))
    return Projection(float(keeps), sign, *copies)


def mix(source: Tensor, target: Tensor, lam: Tensor, normalize: bool) -> Tensor:
    """``lam source + (1 - lam) target``, scaled to unit length if asked; where ``lam`` is 1 the source itself.

    Parameters
    ----------
    source, target : Tensor of float32, (n, d)
        The English end, and the projected target end.
    lam : Tensor of float32, (n,)
        Interpolation coefficients.
    normalize : bool
        Whether to scale.

    Returns
    -------
    Tensor of float32, (n, d)
    """
    weight = lam[:, None]
    mixed = weight * source + (1 - weight) * target
    if normalize:
        mixed = torch.nn.functional.normalize(mixed, dim=-1)
    return torch.where(weight == 1, source, mixed)
