"""Token ids of many texts in one flat array."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from training.config import Config, from_command_line


@dataclass(frozen=True)
class Tokens:
    """Ragged token ids: text ``i`` is ``ids[start[i]:start[i + 1]]``, without special tokens."""

    ids: npt.NDArray[np.int32]
    start: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start) - 1

    def __getitem__(self, i: int) -> npt.NDArray[np.int32]:
        return self.ids[self.start[i] : self.start[i + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each text."""
        return np.diff(self.start)

    def take(self, rows: npt.NDArray[np.int64]) -> Tokens:
        """The texts at ``rows``, in that order."""
        lengths = self.lengths[rows]
        start = np.concatenate([[0], np.cumsum(lengths)])
        offset = np.repeat(self.start[rows] - start[:-1], lengths)
        return Tokens(self.ids[np.arange(start[-1]) + offset], start)

    def save(self, path: Path) -> None:
        """Write to an ``.npz`` file."""
        np.savez(path, ids=self.ids, start=self.start)

    @classmethod
    def load(cls, path: Path) -> Tokens:
        """Read what `save` wrote."""
        arrays = np.load(path)
        return cls(arrays["ids"], arrays["start"])


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: list[str], max_tokens: int) -> Tokens:
    """Tokenize in chunks, cutting each text at ``max_tokens``."""
    parts: list[npt.NDArray[np.int32]] = []
    lengths: list[int] = []
    for first in range(0, len(texts), 20000):
        chunk = tokenizer(texts[first : first + 20000], add_special_tokens=False, verbose=False)["input_ids"]
        cut = [ids[:max_tokens] for ids in chunk]
        lengths += [len(ids) for ids in cut]
        parts.append(np.fromiter((i for ids in cut for i in ids), np.int32))
    return Tokens(np.concatenate(parts), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def tokenize_corpus(config: Config) -> tuple[Tokens, Tokens]:
    """Tokenize both sides of the training pairs and keep the result."""
    tokenizer = AutoTokenizer.from_pretrained(config.work / "tokenizer")
    sides = []
    for name in ("english", "pairs"):
        texts = pq.read_table(config.work / f"{name}.parquet", columns=["text"])["text"].to_pylist()
        tokens = tokenize(tokenizer, texts, config["distill"]["max_tokens"])
        tokens.save(config.work / f"{name}_tokens.npz")
        sides.append(tokens)
    return sides[0], sides[1]


def main() -> None:
    """Tokenize again after the pairs have changed; the initialisation does it by itself."""
    config, _ = from_command_line(main.__doc__)
    tokenize_corpus(config)


if __name__ == "__main__":
    main()
