"""Examples to token ids with a fast tokenizer: exact truncation flags, no padding, no cost for endless texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tokenizers import Encoding, Tokenizer

from xite_core.encoder.inputs import WHERE, check_examples
from xite_core.encoder.protocol import Tokenized
from xite_core.encoder.readability import Readability
from xite_core.encoder.spec import EncoderSpec, PairMode
from xite_core.errors import RowError
from xite_core.types import BoolArray, Example

#: A text of more characters for each allowed token than this is looked at in parts.
_WINDOW = 16


class ExampleTokenizer:
    """Applies a spec's prefix, pair mode and maximum length.

    Parameters
    ----------
    backend : Tokenizer
        Becomes this object's own: its truncation is set here.
    spec : EncoderSpec
        ``prefix``, ``pairs`` and ``max_tokens`` are used.
    """

    def __init__(self, backend: Tokenizer, spec: EncoderSpec) -> None:
        backend.enable_truncation(spec.max_tokens, strategy="longest_first")
        self._backend, self._spec = backend, spec
        self._readability = Readability(backend)

    def __call__(self, examples: Sequence[Example]) -> Tokenized:
        """Tokenize; see `Encoder.tokenize`.

        Raises
        ------
        InputError
            If a text is empty, not valid Unicode or without any token, or texts and pairs are mixed.
        """
        pairs = check_examples(examples)
        split = pairs and self._spec.pairs is PairMode.FEATURES
        sequences = self._sequences(examples, split)
        encodings = self._backend.encode_batch_fast(sequences)
        ids = [encoding.ids for encoding in encodings]
        lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        cut = np.fromiter((bool(encoding.overflowing) for encoding in encodings), dtype=np.bool_, count=len(ids))
        if not lengths.all():
            row = int(np.flatnonzero(lengths == 0)[0]) // (2 if split else 1)
            raise RowError(WHERE, row, "the encoder's tokenizer finds no token in it", unit="item")
        unreadable = self._unreadable(encodings, sequences)
        if split:
            lengths, cut = lengths.reshape(-1, 2).sum(axis=1), cut[0::2] | cut[1::2]
        if pairs:
            unreadable = unreadable[0::2] | unreadable[1::2]
        return Tokenized(ids, self._segments(encodings, pairs and not split), lengths, cut, unreadable)

    def _unreadable(self, encodings: Sequence[Encoding], sequences: Sequence[str | tuple[str, str]]) -> BoolArray:
        """Flags by text: the sides of a pair are looked at alone, since a readable one would hide the other.

        A prefix would hide a short text too, so that texts which have one are looked at without it.
        """
        if self._spec.prefix:
            return self._unreadable_behind_prefix(sequences)
        ids: list[list[int]] = []
        texts: list[str] = []
        for encoding, sequence in zip(encodings, sequences, strict=True):
            if isinstance(sequence, str):
                ids.append(encoding.ids)
                texts.append(sequence)
            else:
                ids += _sides(encoding)
                texts += sequence
        return self._readability.unreadable(ids, texts)

    def _unreadable_behind_prefix(self, sequences: Sequence[str | tuple[str, str]]) -> BoolArray:
        prefix = self._spec.prefix
        pairs = [(item,) if isinstance(item, str) else item for item in sequences]
        texts = [text.removeprefix(prefix) for pair in pairs for text in pair]
        encodings = self._backend.encode_batch_fast(texts, add_special_tokens=False)
        return self._readability.unreadable([encoding.ids for encoding in encodings], texts)

    def _sequences(self, examples: Sequence[Example], split: bool) -> list[str | tuple[str, str]]:
        """One entry a sequence; the sides of a split pair follow each other."""
        prefix, clip = self._spec.prefix, self._clip
        sequences: list[str | tuple[str, str]] = []
        for example in examples:
            first = clip(prefix + example.text)
            if example.text_pair is None:
                sequences.append(first)
            elif split:
                sequences += [first, clip(prefix + example.text_pair)]
            else:
                sequences.append((first, clip(example.text_pair)))
        return sequences

    def _clip(self, text: str) -> str:
        """Find a beginning of the text that gives the same tokens and the same flag as all of it.

        The beginning holds at least twice the tokens that are kept, so that what is cut off cannot reach them. It holds
        not many more: what overflows from the two sides of a pair is multiplied by the tokenizer.
        """
        window = _WINDOW * self._spec.max_tokens
        while len(text) > window:
            beginning = text[:window]
            pieces = self._backend.encode(beginning, add_special_tokens=False).overflowing
            if len(pieces) > 1:
                return beginning[: pieces[1].offsets[-1][1]]
            window *= 4
        return text

    @staticmethod
    def _segments(encodings: Sequence[Encoding], pairs: bool) -> list[list[int]]:
        if pairs:
            return [encoding.type_ids for encoding in encodings]
        return [[0] * len(encoding) for encoding in encodings]


def _sides(encoding: Encoding) -> tuple[list[int], list[int]]:
    """The token ids of the two texts of a pair, without special tokens; a side may be empty."""
    named = list(zip(encoding.ids, encoding.sequence_ids, strict=True))
    return [token for token, side in named if side == 0], [token for token, side in named if side == 1]
