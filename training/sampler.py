"""Draws training batches: languages by share, rows by weight, texts of similar length together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from training.config import Config
from training.tokens import Tokens

CLS, SEP, PAD = 2, 3, 0


@dataclass(frozen=True)
class Batch:
    """Padded token ids and mask, int64 (n, length), and the English row of each text, int64 (n,)."""

    ids: npt.NDArray[np.int64]
    mask: npt.NDArray[np.int64]
    english: npt.NDArray[np.int64]


class Sampler:
    """Endless batches over the pairs and the English side itself."""

    def __init__(self, config: Config, seed: int) -> None:
        self.settings = config["distill"]
        self.rng = np.random.default_rng(seed)
        english = Tokens.load(config.work / "english_tokens.npz")
        other = Tokens.load(config.work / "pairs_tokens.npz")
        self.tokens = Tokens(
            np.concatenate([other.ids, english.ids]),
            np.concatenate([other.start, english.start[1:] + other.start[-1]]),
        )
        pairs = pq.read_table(config.work / "pairs.parquet", columns=["english", "lang", "source"])
        self.english = np.concatenate([pairs["english"].to_numpy(), np.arange(len(english))]).astype(np.int64)
        everyday = pq.read_table(config.work / "english.parquet", columns=["everyday"])["everyday"].to_numpy()
        languages = np.array([*pairs["lang"].to_pylist(), *["en"] * len(english)])
        source_weight = config["data"]["source_weight"]
        weights = np.array([source_weight[s] for s in pairs["source"].to_pylist()])
        weights = np.concatenate([weights, np.where(everyday, 4.0, 0.5)])
        self.cumulative = np.cumsum(self._by_language(weights, languages, config["data"]["language_share"]))

    def _by_language(
        self, weights: npt.NDArray[np.float64], languages: npt.NDArray[np.str_], shares: dict[str, float]
    ) -> npt.NDArray[np.float64]:
        """Row probabilities; the rest's share is divided by the square root of the languages' sizes."""
        names, code = np.unique(languages, return_inverse=True)
        totals = np.bincount(code, weights)
        rest = np.array([name not in shares for name in names])
        share = np.array([shares.get(name, 0.0) for name in names])
        root = np.sqrt(totals) * rest
        share = share + shares.get("*", 0.0) * root / max(root.sum(), 1e-9)
        return weights * (share / totals)[code] / share.sum()

    def _pad(self, rows: npt.NDArray[np.int64]) -> Batch:
        drop = self.settings["token_dropout"]
        texts = []
        for row in rows:
            ids = self.tokens[row]
            if drop and len(ids) > 4:
                ids = ids[self.rng.random(len(ids)) >= drop]
            texts.append(ids)
        out = np.full((len(rows), max(map(len, texts)) + 2), PAD, np.int64)
        for i, ids in enumerate(texts):
            out[i, 0], out[i, 1 : len(ids) + 1], out[i, len(ids) + 1] = CLS, ids, SEP
        return Batch(out, (out != PAD).astype(np.int64), self.english[rows])

    def __iter__(self) -> Iterator[Batch]:
        budget = self.settings["tokens_per_batch"]
        while True:
            rows = np.searchsorted(self.cumulative, self.rng.random(20000) * self.cumulative[-1])
            lengths = self.tokens.lengths[rows]
            rows, lengths = rows[lengths > 0], lengths[lengths > 0]
            order = np.argsort(lengths + self.rng.random(len(rows)), kind="stable")
            cuts, width = [0], 0
            for position, i in enumerate(order):
                width = max(width, int(lengths[i]) + 2)
                if (position - cuts[-1] + 1) * width > budget:
                    cuts.append(position)
                    width = int(lengths[i]) + 2
            pieces = [order[a:b] for a, b in zip(cuts, [*cuts[1:], len(order)], strict=True)]
            for piece in self.rng.permutation(len(pieces)):
                if len(pieces[piece]) > 8:
                    yield self._pad(rows[pieces[piece]])
