"""A deterministic encoder without weights, for tests and smoke runs: hashed character n-grams and words."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from xite_core.encoder.inputs import check_examples
from xite_core.encoder.protocol import Tokenized
from xite_core.encoder.spec import EncoderSpec, PairMode
from xite_core.errors import OptionError
from xite_core.types import Encoded, Example, FloatArray

Words = npt.NDArray[np.uint64]
Hashes = tuple[Words, npt.NDArray[np.int64], float]  # hash, row and weight of each feature

NAME = "hashing"
DIMENSION = 256
MAX_CHARACTERS = 512
_VERSION = 1
_SPACE = 0x20
_BETWEEN = 0x1F
_NGRAMS = (2, 3, 4)
_WORD_WEIGHT = 2.0
_CHUNK = 1024
_BASE = np.uint64(0x9E3779B97F4A7C15)
_SEGMENT_SALT = np.uint64(0xD1B54A32D192ED03)
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


class HashingEncoder:
    """Signed feature hashing of character 2- to 4-grams and words; a token is one character.

    Texts are normalised by NFKC, case folding and collapsing white space. Texts in the same script that share words
    come out similar; there is no meaning across languages in it.

    Parameters
    ----------
    spec : EncoderSpec, optional
        ``prefix``, ``pairs`` and ``max_tokens`` (characters here) are used; pooling and layer mean nothing to it.
    dimension : int
        Number of buckets.

    Raises
    ------
    OptionError
        If ``dimension`` is not a whole number from 16 to 65536.
    """

    def __init__(self, spec: EncoderSpec | None = None, dimension: int = DIMENSION) -> None:
        if isinstance(dimension, bool) or not isinstance(dimension, int) or not 16 <= dimension <= 65536:
            raise OptionError("dimension", dimension, "a whole number from 16 to 65536")
        self.spec = spec or EncoderSpec(NAME, max_tokens=MAX_CHARACTERS)
        self._dimension = dimension

    @property
    def name(self) -> str:
        """The name in the spec."""
        return self.spec.name

    @property
    def dimension(self) -> int:
        """Number of buckets."""
        return self._dimension

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the parameters."""
        content = {"backend": NAME, "version": _VERSION, "dimension": self._dimension, **self.spec.choices()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def tokenize(self, examples: Sequence[Example]) -> Tokenized:
        """Normalised characters as code points; see `Encoder.tokenize`.

        Raises
        ------
        InputError
            If a text is empty or not valid Unicode, or texts and pairs are mixed.
        """
        check_examples(examples)
        rows = [self._sequences(example) for example in examples]
        sequences = [sequence for row, _ in rows for sequence in row]
        return Tokenized(
            ids=[ids for ids, _ in sequences],
            type_ids=[types for _, types in sequences],
            n_tokens=np.array([sum(len(ids) for ids, _ in row) for row, _ in rows], dtype=np.int64),
            truncated=np.array([cut for _, cut in rows], dtype=np.bool_),
            unreadable=np.zeros(len(rows), np.bool_),
        )

    def forward(self, tokenized: Tokenized) -> FloatArray:
        """Hash into buckets.

        Returns
        -------
        ndarray of float32, (n, d), or (n, 4d) for pairs in ``features`` mode
            Unit vectors in the order of the examples.
        """
        vectors = np.empty((len(tokenized.ids), self._dimension), dtype=np.float32)
        for start in range(0, len(vectors), _CHUNK):
            rows = slice(start, start + _CHUNK)
            vectors[rows] = _hashed(tokenized.ids[rows], tokenized.type_ids[rows], self._dimension)
        if len(tokenized.ids) == len(tokenized.n_tokens):
            return vectors
        return _pair_features(vectors[0::2], vectors[1::2])

    def encode(self, examples: Sequence[Example]) -> Encoded:
        """`tokenize`, then `forward`."""
        tokenized = self.tokenize(examples)
        return tokenized.encoded(self.forward(tokenized))

    def warmup(self) -> None:
        """Nothing to do."""

    def _sequences(self, example: Example) -> tuple[list[tuple[list[int], list[int]]], bool]:
        limit = self.spec.max_tokens
        text = _characters(self.spec.prefix + example.text)
        if example.text_pair is None:
            return [(text[:limit], [0] * min(len(text), limit))], len(text) > limit
        if self.spec.pairs is PairMode.FEATURES:
            sides = [text, _characters(self.spec.prefix + example.text_pair)]
            return [(side[:limit], [0] * min(len(side), limit)) for side in sides], max(map(len, sides)) > limit
        other = _characters(example.text_pair)
        keep, keep_other = _longest_first(len(text), len(other), limit - 1)
        ids = [*text[:keep], _BETWEEN, *other[:keep_other]]
        return [(ids, [0] * (keep + 1) + [1] * keep_other)], keep + keep_other < len(text) + len(other)


def _characters(text: str) -> list[int]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return list(map(ord, " ".join(folded.split())))


def _longest_first(first: int, second: int, limit: int) -> tuple[int, int]:
    if first + second <= limit:
        return first, second
    short = min(first, second, limit // 2)
    return (short, min(second, limit - short)) if first <= second else (min(first, limit - short), short)


def _hashed(ids: list[list[int]], type_ids: list[list[int]], dimension: int) -> FloatArray:
    """Hash rows of code points to unit vectors, float32 (n, d)."""
    flat = [code for row in ids for code in (_SPACE, *row, _SPACE)]
    segments = [code for row in type_ids for code in (0, *row, row[-1] if row else 0)]
    codes, salt = np.array(flat, dtype=np.uint64), np.array(segments, dtype=np.uint64) * _SEGMENT_SALT
    owner = np.repeat(np.arange(len(ids)), [len(row) + 2 for row in ids])
    cells, values = [], []
    for hashes, owners, weight in (*(_ngrams(codes, salt, owner, n) for n in _NGRAMS), _words(codes, salt, owner)):
        mixed = _mix(hashes)
        cells.append(owners * dimension + (mixed % np.uint64(dimension)).astype(np.int64))
        values.append(np.where(mixed >> np.uint64(63), -weight, weight))
    # Whole numbers in float64, so the sum does not depend on its order.
    counts = np.bincount(np.concatenate(cells), np.concatenate(values), minlength=len(ids) * dimension)
    return _unit(counts.reshape(len(ids), dimension).astype(np.float64))


def _ngrams(codes: Words, salt: Words, owner: npt.NDArray[np.int64], n: int) -> Hashes:
    count = max(len(codes) - n + 1, 0)
    hashes = salt[:count] + np.uint64(n)
    for offset in range(n):
        hashes = hashes * _BASE + codes[offset : offset + count]
    inside = owner[:count] == owner[n - 1 :]
    return hashes[inside], owner[:count][inside], 1.0


def _words(codes: Words, salt: Words, owner: npt.NDArray[np.int64]) -> Hashes:
    """Hash each word by a polynomial in the positions since the word's first character."""
    gap = (codes == _SPACE) | (codes == _BETWEEN)
    first = ~gap & np.concatenate([[True], gap[:-1]])
    starts = np.flatnonzero(first)
    # Before the first word there are only gaps, so the index -1 there is harmless.
    place = np.arange(len(codes)) - starts[np.cumsum(first) - 1]
    powers = np.cumprod(np.full(int(place.max()) + 1, _BASE))
    terms = np.where(gap, np.uint64(0), (codes + np.uint64(1)) * powers[np.maximum(place, 0)])
    return np.add.reduceat(terms, starts) + salt[starts], owner[starts], _WORD_WEIGHT


def _mix(hashes: Words) -> Words:
    """Finish as splitmix64 does: every bit of the input reaches every bit of the result."""
    for shift, factor in _MIX:
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
    return hashes ^ (hashes >> np.uint64(31))


def _pair_features(premise: FloatArray, hypothesis: FloatArray) -> FloatArray:
    joined = np.concatenate([premise, hypothesis, np.abs(premise - hypothesis), premise * hypothesis], axis=1)
    return _unit(joined)


def _unit(vectors: npt.NDArray[np.floating]) -> FloatArray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: FloatArray = (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
    return scaled
