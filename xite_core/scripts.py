"""Which languages a text can be in, by the script of its letters (ours)."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from xite_core.types import BoolArray

_LOOK = 400
"""Characters that are looked at."""

_OWN: dict[str, frozenset[str]] = {
    "ARABIC": frozenset({"ar", "ckb", "fa", "ks", "pnb", "ps", "sd", "ug", "ur"}),
    "ARMENIAN": frozenset({"hy"}),
    "BENGALI": frozenset({"as", "bn"}),
    "CJK": frozenset({"ja", "yue", "zh"}),
    "CYRILLIC": frozenset({"be", "bg", "kk", "ky", "mk", "mn", "ru", "sr", "tg", "uk"}),
    "DEVANAGARI": frozenset({"bho", "hi", "mai", "mr", "ne", "sa"}),
    "ETHIOPIC": frozenset({"am", "ti"}),
    "GEORGIAN": frozenset({"ka"}),
    "GREEK": frozenset({"el"}),
    "GUJARATI": frozenset({"gu"}),
    "GURMUKHI": frozenset({"pa"}),
    "HANGUL": frozenset({"ko"}),
    "HEBREW": frozenset({"he", "yi"}),
    "HIRAGANA": frozenset({"ja"}),
    "KANNADA": frozenset({"kn"}),
    "KATAKANA": frozenset({"ja"}),
    "KHMER": frozenset({"km"}),
    "LAO": frozenset({"lo"}),
    "MALAYALAM": frozenset({"ml"}),
    "MYANMAR": frozenset({"my"}),
    "ORIYA": frozenset({"or"}),
    "SINHALA": frozenset({"si"}),
    "TAMIL": frozenset({"ta"}),
    "TELUGU": frozenset({"te"}),
    "THAI": frozenset({"th"}),
}
"""Languages that are written in a script, by the first word of its letters' Unicode names."""

_TELLING = {
    frozenset("ٹڈڑںےہھ"): frozenset({"pnb", "ur"}),
    frozenset("ةىكيأإ"): frozenset({"ar"}),
    frozenset("ґєії"): frozenset({"uk"}),
    frozenset("ыэё"): frozenset({"be", "kk", "ky", "mn", "ru"}),
}
"""Letters that one language has and another of the same script has not."""

_LATIN_TOO = frozenset({"sr"})
_EVERY = frozenset().union(*_OWN.values())
_NEVER_LATIN = _EVERY - _LATIN_TOO


def plausible(text: str, languages: Sequence[str]) -> BoolArray:
    """Tell which languages the script of most of a text's letters allows.

    Parameters
    ----------
    text : str
        Any text.
    languages : sequence of str, (L,)
        Language tags; only the part before the first hyphen counts.

    Returns
    -------
    ndarray of bool, (L,)
        All true where the script tells nothing: no letters, a script that is not known, or none of the languages.
    """
    everything = np.ones(len(languages), np.bool_)
    script = main_script(text)
    if script is None:
        return everything
    primary = [language.lower().split("-")[0] for language in languages]
    if script == "LATIN":
        found = np.array([language not in _NEVER_LATIN for language in primary], np.bool_)
    else:
        written = _OWN.get(script, frozenset())
        told = written & _told(text[:_LOOK])
        chosen = told if told & set(primary) else written
        found = np.array([language in chosen for language in primary], np.bool_)
    return found if found.any() else everything


def _told(text: str) -> frozenset[str]:
    """Languages that telling letters leave: those of the group with most of them, or all."""
    counts = {letters: sum(character in letters for character in text) for letters in _TELLING}
    best = max(counts, key=lambda letters: counts[letters])
    return _TELLING[best] if counts[best] else _EVERY


def main_script(text: str) -> str | None:
    """Script of most letters of a text's beginning; a syllabary among Chinese characters is Japanese."""
    counted = Counter(script for script in map(script_of, text[:_LOOK]) if script)
    if not counted:
        return None
    script = counted.most_common(1)[0][0]
    return "HIRAGANA" if script == "CJK" and counted["HIRAGANA"] + counted["KATAKANA"] else script


@lru_cache(maxsize=16384)
def script_of(character: str) -> str | None:
    """First word of a letter's Unicode name, such as HANGUL; ``None`` for what is no letter."""
    if not character.isalpha():
        return None
    return unicodedata.name(character, "").split(" ")[0] or None
