"""Token vectors to unit text vectors, and two text vectors to a pair vector; differentiable throughout."""

from __future__ import annotations

import torch
from torch import Tensor

from xite_core.encoder.spec import Pooling

#: A zero vector stays zero instead of becoming NaN.
TINY = 1e-12


def pool(hidden: Tensor, mask: Tensor | None, pooling: Pooling) -> Tensor:
    """Pool and normalise.

    Parameters
    ----------
    hidden : Tensor of float32, (n, t, d)
        Vectors of the tokens.
    mask : Tensor of int64, (n, t), optional
        1 for tokens, 0 for padding; ``None`` where nothing is padded.
    pooling : Pooling
        Mean over the tokens, or the first token.

    Returns
    -------
    Tensor of float32, (n, d)
        Unit vectors.
    """
    if pooling is Pooling.CLS:
        return unit(hidden[:, 0])
    if mask is None:
        return unit(hidden.mean(dim=1))
    # The mean's denominator would cancel in the normalisation, but keeping it bounds the sum of long texts.
    weights = mask.to(hidden.dtype)
    total = torch.einsum("ntd,nt->nd", hidden, weights)
    return unit(total / weights.sum(dim=1, keepdim=True).clamp_min(1.0))


def unit(vectors: Tensor) -> Tensor:
    """Scale the rows of a float tensor (n, d) to unit length; a zero row stays zero."""
    return torch.nn.functional.normalize(vectors, dim=-1, eps=TINY)


def pair_features(premise: Tensor, hypothesis: Tensor) -> Tensor:
    """Make unit vectors of pairs from those of their sides.

    Parameters
    ----------
    premise, hypothesis : Tensor of float32, (n, d)
        Unit vectors.

    Returns
    -------
    Tensor of float32, (n, 4d)
        Normalised ``[u_p, u_h, |u_p - u_h|, u_p * u_h]``.
    """
    return unit(torch.cat([premise, hypothesis, (premise - hypothesis).abs(), premise * hypothesis], dim=-1))
