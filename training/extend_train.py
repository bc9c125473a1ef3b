"""Training of an extended encoder: new rows of the embedding table towards the encoder's own English vectors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.config import Config
from training.distill import Objective
from training.init import mix
from training.lexicon import link_counts
from training.tokens import Tokens

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


def first_rows(table: Vectors, english: Tokens, other: Tokens, size: int, config: Config) -> Vectors:
    """The table with rows for pieces up to ``size``: a new one is a mix of the old pieces that it translates to."""
    ids = (english.ids.astype(np.int64), english.start, other.ids.astype(np.int64), other.start)
    new, old, count = link_counts(*ids, size, config["init"]["iterations"])
    keep = (count > 0.02) & (new >= len(table))
    counts = sp.csr_matrix((count[keep], (new[keep], old[keep])), shape=(size, size))
    rows = np.concatenate([table, np.zeros((size - len(table), table.shape[1]), np.float32)])
    return mix(counts, rows, np.arange(size) < len(table), config)


def nearest(vectors: Vectors, k: int = 24, chunk: int = 2048) -> npt.NDArray[np.int32]:
    """Each vector's nearest others, int32 (n, k), -1 where there are fewer; exact."""
    out = np.full((len(vectors), k), -1, np.int32)
    k = min(k, len(vectors) - 1)
    for first in range(0, len(vectors), chunk):
        cosine = vectors[first : first + chunk] @ vectors.T
        cosine[np.arange(len(cosine)), first + np.arange(len(cosine))] = -2
        out[first : first + chunk, :k] = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
    return out


@dataclass(frozen=True)
class Pairs:
    """What is trained on: ``tokens`` of the new side, the row of ``vectors`` that each should meet."""

    tokens: Tokens
    english: Rows
    vectors: Vectors


class SplitTable(nn.Module):
    """An embedding table whose old rows are frozen (or have a rate of their own) and whose new rows are trained."""

    def __init__(self, table: Tensor, n_old: int) -> None:
        super().__init__()
        self.n_old = n_old
        self.old = nn.Embedding(n_old, table.shape[1], sparse=True, _weight=table[:n_old].clone(), _freeze=True)
        self.new = nn.Embedding(len(table) - n_old, table.shape[1], sparse=True, _weight=table[n_old:].clone())

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors of the ids."""
        is_new = ids >= self.n_old
        old, new = self.old(ids.masked_fill(is_new, 0)), self.new((ids - self.n_old).clamp_min(0))
        return torch.where(is_new.unsqueeze(-1), new, old)

    def joined(self) -> Tensor:
        """The whole table."""
        return torch.cat([self.old.weight.detach(), self.new.weight.detach()])


class Extension:
    """The training loop: as many passes as asked for, within a time budget.

    Parameters
    ----------
    model : PreTrainedModel
        A model with the extended table; its layers stay frozen.
    n_old : int
        Rows of the table that the encoder had.
    special : tuple of int
        Ids of the token before and of the token after a text, and of padding.
    config : Config
        ``distill`` gives loss and learning rate.
    old_rate : float
        Learning rate of the old rows; 0 keeps them.
    """

    def __init__(self, model: Any, n_old: int, special: tuple[int, int, int], config: Config, old_rate: float) -> None:
        self.model, self.special, self.config = model.eval().requires_grad_(False), special, config
        self.embedding = model.get_input_embeddings()
        self.table = SplitTable(self.embedding.weight.detach(), n_old)
        rates = [(self.table.new.weight, float(config["distill"]["table_lr"]))]
        if old_rate > 0:
            rates.append((self.table.old.weight.requires_grad_(True), old_rate))
        self.optimizers: list[tuple[Any, float]] = [
            (torch.optim.SparseAdam([weight], lr=rate), rate) for weight, rate in rates
        ]
        self.examples = 0

    def batches(self, tokens: Tokens, size: int, rng: np.random.Generator) -> Iterator[Rows]:
        """One pass in batches of texts of similar length, in random order."""
        rows = np.flatnonzero(tokens.lengths > 0)
        order = rows[np.argsort(tokens.lengths[rows] + rng.random(len(rows)) * 3, kind="stable")]
        cuts = np.arange(0, len(order), size)
        for first in rng.permutation(cuts):
            yield order[first : first + size]

    def pooled(self, tokens: Tokens, rows: Rows) -> Tensor:
        """Mean-pooled unit vectors, float32 (n, d), of some texts."""
        before, after, padding = self.special
        ids = np.full((len(rows), int(tokens.lengths[rows].max()) + 2), padding, np.int64)
        mask = np.zeros(ids.shape, np.float32)
        for i, row in enumerate(rows):
            text = tokens[row]
            ids[i, 0], ids[i, 1 : len(text) + 1], ids[i, len(text) + 1] = before, text, after
            mask[i, : len(text) + 2] = 1
        weights = torch.from_numpy(mask)
        hidden = self.model(
            inputs_embeds=self.table(torch.from_numpy(ids)), attention_mask=weights.long()
        ).last_hidden_state
        summed = (hidden * weights.unsqueeze(-1)).sum(1)
        return F.normalize(summed / weights.sum(1, keepdim=True), dim=1)

    def run(self, pairs: Pairs, minutes: float, passes: int, size: int = 64) -> None:
        """Train, with linear decay over passes or time, whichever is further; then put the table into the model."""
        seed = self.config["distill"]["seed"]
        rng = np.random.default_rng(seed)
        objective = Objective(torch.from_numpy(pairs.vectors), nearest(pairs.vectors), self.config, seed)
        start = time.monotonic()
        total = passes * int((pairs.tokens.lengths > 0).sum())
        for _ in range(passes):
            for rows in self.batches(pairs.tokens, size, rng):
                spent = max((time.monotonic() - start) / (60 * minutes), self.examples / total)
                if spent >= 1:
                    break
                self.step(objective(self.pooled(pairs.tokens, rows), pairs.english[rows]), 1 - spent)
                self.examples += len(rows)
        with torch.no_grad():
            self.embedding.weight.copy_(self.table.joined())

    def step(self, loss: Tensor, share: float) -> None:
        """One update at ``share`` of the learning rates."""
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer, rate in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * max(share, 0.02)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
