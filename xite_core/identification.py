"""The language of a text by its letters and those that follow each other, as the reference pool has them (ours).

Among the languages that are written in a text's script a multinomial naive Bayes classifier decides, over hashed
character n-grams. It knows the languages of the pool, so that one which the user brings is told like those that ship,
and others, which are less likely. See decisions 19 and 20.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xite_core.languages import UNDETERMINED, primary
from xite_core.scripts import LOOK, main_script
from xite_core.types import Example, FloatArray, IntArray

LONGEST = 5
"""Characters of an n-gram, at most; shorter ones count too."""

BITS = 16
"""N-grams are told apart by so many bits of their hash."""

UNSEEN = 5e-6
"""Added to each bucket's share of the n-grams of a language: the same for all, however many texts there are of each."""

UNLIKELY = 5.0
"""Nats by which a language outside the pool is less likely before a text is looked at: rather a short text of a near
relative is taken for a language of the pool than the reverse, whose texts are what the bundle is for."""

WRITTEN = 0.01
"""Share of a language's texts that are in a script, from which on others may be too."""

_MET = 2**14
"""Characters that are kept in mind: far more than are in use, and not all that a hostile text may hold."""

_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class LanguageIdentifier:
    """Tells the languages of a pool, and others, apart.

    Parameters
    ----------
    languages : tuple of str
        Names, in the order of the columns.
    ngrams : ndarray of float16, (2 ** BITS, L)
        Logarithm of each bucket's share of the n-grams of a language. What is lost to 32 bits is far below the
        differences between languages, and the file is half as large.
    prior : ndarray of float32, (L,)
        Logarithm of how likely a language is before a text is looked at, up to a constant.
    scripts : mapping of str to ndarray of float32, (L,)
        Share of a language's texts that are in a script.
    """

    languages: tuple[str, ...]
    ngrams: npt.NDArray[np.floating[Any]]
    prior: FloatArray
    scripts: Mapping[str, FloatArray]

    def identify(self, example: Example) -> str:
        """Give the most likely language of a text or a pair, whose beginning is looked at.

        `UNDETERMINED` where it has no letter, or no known language is written in its script.
        """
        text = _content(example)
        shares = self.scripts.get(main_script(text) or "")
        if shares is None or shares.max() < WRITTEN:
            return UNDETERMINED
        scores = self.ngrams[_buckets(_letters(text))].sum(axis=0, dtype=np.float32) + self.prior
        return self.languages[int(np.where(shares >= WRITTEN, scores, -np.inf).argmax())]


@dataclass(frozen=True, slots=True)
class Profile:
    """What is counted in texts of one language.

    Parameters
    ----------
    ngrams : ndarray of int64, (2 ** BITS,)
        Character n-grams in each bucket.
    scripts : Counter
        Texts by their script; ``None`` for those without a letter.
    """

    ngrams: IntArray
    scripts: Counter[str | None]

    @property
    def script(self) -> str | None:
        """That most of the texts are in."""
        return max(self.scripts, key=self.scripts.__getitem__, default=None)

    def __add__(self, other: Profile) -> Profile:
        """What is counted in the texts of both."""
        return Profile(self.ngrams + other.ngrams, self.scripts + other.scripts)


def profile_of(rows: Iterable[Example]) -> Profile:
    """Count in texts, or pairs of them."""
    texts = [_content(example) for example in rows]
    return Profile(_counts(texts), Counter(map(main_script, texts)))


def fit_identifier(
    pool: Mapping[str, Iterable[Example]], others: Mapping[str, Profile] | None = None
) -> LanguageIdentifier:
    """Learn what languages look like.

    Parameters
    ----------
    pool : mapping of str to iterable of Example
        Texts, or pairs of them, by language.
    others : mapping of str to Profile, optional
        What else is known of languages: it is added to what the pool shows of them, where that is in the same script.
        Those that are not in the pool are told too, by `UNLIKELY` less likely.
    """
    more, profiles = dict(others or {}), []
    for language, rows in pool.items():
        own, known = profile_of(rows), (others or {}).get(primary(language))
        if known is not None and known.script == own.script:
            own += known
            more.pop(primary(language), None)
        profiles.append(own)
    profiles += more.values()
    scripts = {
        script: np.array([each.scripts[script] / max(each.scripts.total(), 1) for each in profiles], np.float32)
        for script in sorted(name for name in set[str | None]().union(*(each.scripts for each in profiles)) if name)
    }
    shares = np.stack([each.ngrams / max(each.ngrams.sum(), 1) for each in profiles], axis=1)
    logarithms = np.log((shares + UNSEEN) / (1 + UNSEEN * len(shares))).astype(np.float16)
    prior = np.repeat(np.array([0, -UNLIKELY], np.float32), [len(pool), len(more)])
    return LanguageIdentifier((*pool, *more), logarithms, prior, scripts)


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
