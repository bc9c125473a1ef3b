"""Interpolation of an English anchor and a projected target vector (METHOD step 3)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from xite_core.options import AugmentOptions
from xite_core.types import Example, FloatArray


def lerp(source: FloatArray, target: FloatArray, lam: FloatArray) -> FloatArray:
    """``lam * source + (1 - lam) * target``; where ``lam`` is 1 the source itself, bit for bit.

    Parameters
    ----------
    source, target : ndarray of float32, (n, d)
        Both ends.
    lam : ndarray of float32, (n,)
        Interpolation coefficients in [0, 1].

    Returns
    -------
    ndarray of float32, (n, d)
    """
    weight = lam[:, None].astype(np.float32)
    return np.where(weight == 1, source, weight * source + (1 - weight) * target)


def unit(vectors: FloatArray) -> FloatArray:
    """Rows scaled to length one; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, np.finfo(np.float32).tiny), np.float32)


def draw_lambdas(examples: Sequence[Example], options: AugmentOptions) -> FloatArray:
    """The interpolation coefficients of each text, float32 (n_texts, options.n).

    A Beta draw depends on the seed and the text, not on its position: permuting or splitting the input changes nothing.
    """
    if options.alpha is None:
        return np.full((len(examples), options.n), options.lam, np.float32)
    rows = [_generator(example, options.seed).beta(options.alpha, options.alpha, options.n) for example in examples]
    return np.array(rows, np.float32).reshape(len(examples), options.n)


def _generator(example: Example, seed: int) -> np.random.Generator:
    content = "\x00".join((str(seed), example.text, example.text_pair or ""))
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(content.encode(), digest_size=16).digest()))
