"""The language of a text by its letters and those that follow each other, as the reference pool has them (ours).

Among the languages that are written in a text's script a multinomial naive Bayes classifier decides, over hashed
character n-grams and with equal priors. Both know exactly the languages of the pool, so that one which the user brings
is told like those that ship. See decision 19.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xite_core.languages import UNDETERMINED
from xite_core.scripts import LOOK, main_script
from xite_core.types import Example, FloatArray, IntArray

LONGEST = 5
"""Characters of an n-gram, at most; shorter ones count too."""

BITS = 16
"""N-grams are told apart by so many bits of their hash."""

SMOOTHING = 0.1
"""Added to each count; from 0.01 to 1 it makes no difference."""

WRITTEN = 0.01
"""Share of a language's texts that are in a script, from which on others may be too."""

_MET = 2**14
"""Characters that are kept in mind: far more than are in use, and not all that a hostile text may hold."""

_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class LanguageIdentifier:
    """Tells the languages of a pool apart.

    Parameters
    ----------
    languages : tuple of str
        Names, in the order of the columns.
    ngrams : ndarray of float32, (2 ** BITS, L)
        Logarithm of each bucket's share of the n-grams of a language.
    scripts : mapping of str to ndarray of float32, (L,)
        Share of a language's texts that are in a script.
    """

    languages: tuple[str, ...]
    ngrams: FloatArray
    scripts: Mapping[str, FloatArray]

    def identify(self, example: Example) -> str:
        """Give the most likely language of a text or a pair, whose beginning is looked at.

        `UNDETERMINED` where it has no letter, or no language of the pool is written in its script.
        """
        text = _content(example)
        shares = self.scripts.get(main_script(text) or "")
        if shares is None or shares.max() < WRITTEN:
            return UNDETERMINED
        scores = self.ngrams[_buckets(_letters(text))].sum(axis=0)
        return self.languages[int(np.where(shares >= WRITTEN, scores, -np.inf).argmax())]


def fit_identifier(pool: Mapping[str, Iterable[Example]]) -> LanguageIdentifier:
    """Count scripts and n-grams in the pool's texts.

    Parameters
    ----------
    pool : mapping of str to iterable of Example
        Texts, or pairs of them, by language.
    """
    texts = [[_content(example) for example in rows] for rows in pool.values()]
    counted = [Counter(map(main_script, rows)) for rows in texts]
    scripts = {
        script: np.array([counts[script] / max(counts.total(), 1) for counts in counted], np.float32)
        for script in sorted(name for name in set().union(*counted) if name)
    }
    ngrams = np.stack([_counts(rows) for rows in texts], axis=1) + SMOOTHING
    return LanguageIdentifier(tuple(pool), np.log(ngrams / ngrams.sum(axis=0)).astype(np.float32), scripts)


def _content(example: Example) -> str:
    """What an example says; of a pair both sides, so that neither is beyond what is looked at."""
    return example.text if example.text_pair is None else f"{example.text[: LOOK // 2]} {example.text_pair}"


def _counts(texts: Iterable[str]) -> IntArray:
    buckets = np.concatenate([np.empty(0, np.int64), *(_buckets(_letters(text)) for text in texts)])
    return np.bincount(buckets, minlength=2**BITS)


def _letters(text: str) -> npt.NDArray[np.uint64]:
    """Code points of the words, in lower case; whatever lies between two words is one blank."""
    words = unicodedata.normalize("NFC", text[:LOOK]).casefold().translate(_LETTERS).split()
    return np.frombuffer(f" {' '.join(words)} ".encode("utf-32-le"), np.uint32).astype(np.uint64)


def _buckets(letters: npt.NDArray[np.uint64]) -> IntArray:
    """Hashes of all n-grams, across blanks too, int64."""
    hashes: npt.NDArray[np.uint64] = np.zeros(len(letters) + 1, np.uint64)
    found = []
    for length in range(1, min(LONGEST, len(letters)) + 1):
        hashes = (hashes[: len(letters) - length + 1] + letters[length - 1 :]) * _FACTOR
        found.append(hashes >> np.uint64(64 - BITS))
    return np.concatenate(found).astype(np.int64)


class _LettersAlone(dict[int, str]):
    """Letters and the marks that belong to them stay, all else is a blank; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        kept = chr(code) if unicodedata.category(chr(code))[0] in "LM" else " "
        if len(self) < _MET:
            self[code] = kept
        return kept


_LETTERS = _LettersAlone()
