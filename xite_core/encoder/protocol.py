"""What the rest of the library asks of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from xite_core.encoder.spec import EncoderSpec
from xite_core.types import BoolArray, Encoded, Example, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Tokenized:
    """Token ids of some texts, ragged, special tokens included.

    Parameters
    ----------
    ids : list of list of int
        Token ids of each text (of each sequence: a pair is one sequence when joint, two rows when features).
    type_ids : list of list of int
        Segment of each token.
    n_tokens : ndarray of int64, (n,)
        Tokens of each text or pair.
    truncated : ndarray of bool, (n,)
        Whether it was cut.
    unreadable : ndarray of bool, (n,)
        Whether the vocabulary holds next to nothing of it; of a pair in ``features`` mode, of either side.
    """

    ids: list[list[int]]
    type_ids: list[list[int]]
    n_tokens: IntArray
    truncated: BoolArray
    unreadable: BoolArray

    def encoded(self, vectors: FloatArray) -> Encoded:
        """With the vectors that `Encoder.forward` made of it, float32 (n, d)."""
        return Encoded(vectors, self.n_tokens, self.truncated, self.unreadable)


class Encoder(Protocol):
    """Texts (or pairs) to pooled unit vectors; `tokenize` and `forward` are the two stages of `encode`."""

    @property
    def name(self) -> str:
        """What the user called it: a name in the registry, a directory or a hub name."""

    @property
    def spec(self) -> EncoderSpec:
        """How texts become vectors; with it `load_encoder` loads the same encoder again."""

    @property
    def dimension(self) -> int:
        """Length of a single text's vector (a pair in ``features`` mode gives four times as much)."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over weights, tokenizer, pooling, layer, prefix, pair mode and maximum length."""

    def tokenize(self, examples: Sequence[Example]) -> Tokenized:
        """Tokenize texts or pairs.

        Raises
        ------
        InputError
            If a text is empty or texts and pairs are mixed.
        """

    def forward(self, tokenized: Tokenized) -> FloatArray:
        """Encode what `tokenize` gave: unit vectors, float32 (n, d), in the same order."""

    def encode(self, examples: Sequence[Example]) -> Encoded:
        """`tokenize`, then `forward`."""

    def warmup(self) -> None:
        """Run once on a short text, so that the first caller does not pay for lazy initialisation."""
