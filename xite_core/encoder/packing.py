"""Several sequences in one row, each attending to itself alone: short texts without padding, in one pass.

Grouping by length leaves little padding only where there are many texts. A service's batches are small, and each group
reads all weights again; rows that are filled with several sequences need neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from xite_core.encoder.batching import OVERHEAD, token_batches
from xite_core.encoder.pooling import unit
from xite_core.encoder.protocol import Tokenized
from xite_core.encoder.spec import Pooling
from xite_core.types import IntArray

WIDTH = 64
"""Tokens of a row: wide enough for three texts, narrow enough that masked attention costs little (measured)."""

MASKED = 1.08
"""What a token in a shared row costs, in tokens of a padded batch (measured)."""

_PACKING = frozenset({"bert", "camembert", "electra", "roberta", "xlm-roberta"})
"""Models that count positions absolutely and take them, and a mask of every pair of tokens, as arguments."""


def first_position(model: Any) -> int | None:
    """The position of a sequence's first token, or ``None`` where sequences cannot share a row."""
    config = model.config
    if config.model_type not in _PACKING or config._attn_implementation != "sdpa" or config.is_decoder:
        return None
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    if not isinstance(table, nn.Embedding):
        return None
    # RoBERTa's kin count positions from the padding index on.
    return 0 if table.padding_idx is None else int(table.padding_idx) + 1


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """Some rows of width w that hold n sequences.

    Parameters
    ----------
    sequences : ndarray of int64, (n,)
        Which sequences, in the order of ``owner``.
    input_ids, position_ids : Tensor of int64, (r, w)
        Tokens and their positions within their sequence.
    token_type_ids : Tensor of int64, (r, w), optional
        Segments; ``None`` where there is but one.
    owner : Tensor of int64, (r, w)
        Which of the n sequences a token belongs to; n for padding.
    """

    sequences: IntArray
    input_ids: Tensor
    position_ids: Tensor
    token_type_ids: Tensor | None
    owner: Tensor

    @property
    def attention_mask(self) -> Tensor:
        """Bool (r, 1, w, w): what belongs to the same sequence; padding sees padding, since it has to see something."""
        return (self.owner[:, :, None] == self.owner[:, None, :])[:, None]

    def to(self, device: torch.device | str) -> PackedBatch:
        """The same on a device."""
        types = None if self.token_type_ids is None else self.token_type_ids.to(device)
        ids, positions, owner = (part.to(device) for part in (self.input_ids, self.position_ids, self.owner))
        return PackedBatch(self.sequences, ids, positions, types, owner)

    def pool(self, hidden: Tensor, pooling: Pooling) -> Tensor:
        """Unit vectors, float32 (n, d), of the sequences from those of the tokens, (r, w, d)."""
        n, flat, owner = len(self.sequences), hidden.flatten(0, 1), self.owner.flatten()
        if pooling is Pooling.CLS:
            starts = torch.nonzero((self.position_ids.flatten() == self.position_ids.min()) & (owner < n)).squeeze(1)
            return unit(flat[starts[owner[starts].argsort()]])
        return unit(flat.new_zeros((n + 1, flat.shape[1])).index_add_(0, owner, flat)[:n])


def packed_batches(
    tokenized: Tokenized, sequences: IntArray, first: int, budget: int, *, segments: bool
) -> Iterator[PackedBatch]:
    """Pack sequences of at most `WIDTH` tokens.

    Parameters
    ----------
    tokenized : Tokenized
        Token ids of all sequences.
    sequences : ndarray of int64, (n,)
        Those to pack.
    first : int
        What `first_position` gave.
    budget : int
        Tokens of a batch, padding included; one row may exceed it.
    segments : bool
        Whether the model is told the segments.
    """
    rows = packed_rows([len(tokenized.ids[i]) for i in sequences], WIDTH)
    at_once = max(budget // WIDTH, 1)
    for start in range(0, len(rows), at_once):
        part = [[int(sequences[i]) for i in row] for row in rows[start : start + at_once]]
        yield _batch(tokenized, part, first, segments=segments)


def saves(lengths: IntArray, budget: int) -> bool:
    """Whether sequences of these lengths cost less packed than in padded batches, both in tokens that are computed."""
    rows = len(packed_rows(lengths.tolist(), WIDTH))
    packed = MASKED * rows * WIDTH + OVERHEAD * -(-rows * WIDTH // budget)
    padded = sum(int(lengths[batch].max()) * len(batch) + OVERHEAD for batch in token_batches(lengths, budget))
    return packed < padded


def packed_rows(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Share items out over rows, the longest first, each to the fullest row that has room for it (best fit).

    Parameters
    ----------
    lengths : sequence of int, (n,)
        None above ``width``.
    width : int
        Of a row.

    Returns
    -------
    list of list of int
        Positions in ``lengths``; every position is there exactly once.
    """
    rows: list[list[int]] = []
    with_room: list[list[int]] = [[] for _ in range(width + 1)]
    for item in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length = lengths[item]
        room = next((room for room in range(length, width + 1) if with_room[room]), None)
        if room is None:
            rows.append([])
            row, room = len(rows) - 1, width
        else:
            row = with_room[room].pop()
        rows[row].append(item)
        with_room[room - length].append(row)
    return rows


def _batch(tokenized: Tokenized, rows: Sequence[Sequence[int]], first: int, *, segments: bool) -> PackedBatch:
    ids, positions, types = (np.zeros((len(rows), WIDTH), np.int64) for _ in range(3))
    sequences = np.array([item for row in rows for item in row], np.int64)
    owner = np.full(ids.shape, len(sequences), np.int64)
    count = 0
    for number, row in enumerate(rows):
        start = 0
        for item in row:
            stop = start + len(tokenized.ids[item])
            ids[number, start:stop] = tokenized.ids[item]
            positions[number, start:stop] = np.arange(first, first + stop - start)
            types[number, start:stop] = tokenized.type_ids[item]
            owner[number, start:stop] = count
            start, count = stop, count + 1
    positions[owner == len(sequences)] = first
    used = int((owner < len(sequences)).any(0).sum())
    shown = segments and bool(types.any())
    return PackedBatch(
        sequences,
        _tensor(ids[:, :used]),
        _tensor(positions[:, :used]),
        _tensor(types[:, :used]) if shown else None,
        _tensor(owner[:, :used]),
    )


def _tensor(table: npt.NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(table))
