"""Batches of similar length under a token budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from xite_core.types import IntArray


def token_batches(lengths: Sequence[int] | npt.NDArray[np.integer], budget: int) -> list[IntArray]:
    """Group items so that a padded batch stays within a number of tokens.

    Parameters
    ----------
    lengths : sequence of int, (n,)
        Tokens of each item.
    budget : int
        Greatest padded size (items times longest item) of a batch; an item longer than that is a batch of its own.

    Returns
    -------
    list of ndarray of int64
        Indices into ``lengths``, longest batch first (so that memory peaks at once); every index is there exactly once.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    order = np.argsort(-sizes, kind="stable")
    batches: list[IntArray] = []
    start = 0
    while start < len(order):
        # The first of a batch is its longest, so it alone decides how many fit.
        longest = max(int(sizes[order[start]]), 1)
        stop = start + max(budget // longest, 1)
        batches.append(order[start:stop])
        start = stop
    return batches
