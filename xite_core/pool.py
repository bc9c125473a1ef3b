"""The reference pool: unlabeled vectors by language, for the LDA, the language means and CSLS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xite_core.errors import InputError
from xite_core.identification import LanguageIdentifier
from xite_core.languages import UNDETERMINED, folded, primary
from xite_core.matching import mean_of_nearest
from xite_core.subspace import Subspace, fit_subspace
from xite_core.types import Example, FloatArray, IntArray

ENGLISH = "en"
POOL_SIZE = 512
"""Texts of each language that enter the pool."""


@dataclass(frozen=True, slots=True)
class ReferencePool:
    """Unit vectors by language, English first.

    Parameters
    ----------
    vectors : mapping of str to ndarray of float32, (p, d)
        At least English and one other language.
    identifier : LanguageIdentifier, optional
        Tells these languages apart by the texts that the vectors were made of.

    Raises
    ------
    InputError
        If a language has no texts or English is missing.
    """

    vectors: Mapping[str, FloatArray]
    identifier: LanguageIdentifier | None = None

    def __post_init__(self) -> None:
        for language, rows in self.vectors.items():
            if len(rows) < 2:
                raise InputError(f"pool {language!r}: {len(rows)} texts, at least 2 are needed")
        if ENGLISH not in self.vectors or len(self.vectors) < 2:
            raise InputError("the reference pool needs English ('en') and at least one other language")
        ordered = {ENGLISH: self.vectors[ENGLISH], **{k: v for k, v in sorted(self.vectors.items()) if k != ENGLISH}}
        object.__setattr__(self, "vectors", ordered)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages, English first."""
        return tuple(self.vectors)

    def language_of(self, example: Example) -> str | None:
        """The tag that an example has, else the language that it is most likely in; ``None`` without an identifier."""
        if example.lang and primary(example.lang) != UNDETERMINED:
            return example.lang
        return self.identifier.identify(example) if self.identifier is not None else None

    def columns(self, languages: Sequence[str]) -> IntArray:
        """Hubness column of each language tag, int64 (m,); tags outside the pool share the last column."""
        column = {language: i for i, language in enumerate(self.vectors)}
        return np.array([column.get(name, len(column)) for name in self.known_as(languages)], np.int64)

    def known_as(self, tags: Sequence[str]) -> list[str]:
        """The pool's names of the languages that tags mean; outside the pool, the languages without region and script.

        A tag that is not in the pool itself means its language there: ``ko-KR`` is ``ko`` and, where Brazilian is all
        the Portuguese that there is, ``pt`` is ``pt-BR``.
        """
        names = {folded(language): language for language in self.vectors}
        counts = Counter(map(primary, self.vectors))
        names |= {primary(name): name for name in self.vectors if counts[primary(name)] == 1}
        meant = {tag: names.get(folded(tag)) or names.get(primary(tag), primary(tag)) for tag in set(tags)}
        return [meant[tag] for tag in tags]

    def hubness(self, anchors: FloatArray) -> FloatArray:
        """``r_T(s)`` of anchors, float32 (n, L + 1); the last column is the mean over the languages but English."""
        each = [mean_of_nearest(anchors, rows) for rows in self.vectors.values()]
        return np.stack([*each, np.mean(each[1:], axis=0)], axis=1).astype(np.float32)

    def fit_language_subspace(self, seed: int = 0) -> Subspace:
        """LDA with the language as the class, on the same number of vectors from each."""
        count = min(len(rows) for rows in self.vectors.values())
        rng = np.random.default_rng(seed)
        balanced = [rows[np.sort(rng.permutation(len(rows))[:count])] for rows in self.vectors.values()]
        return fit_subspace(np.concatenate(balanced), np.repeat(np.arange(len(balanced)), count), self.languages)
