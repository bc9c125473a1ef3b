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
    frozenset("ٹڈڑںےہ"): frozenset({"ks", "pnb", "ur"}),
    frozenset("ةأإيك"): frozenset({"ar", "ckb", "fa", "ps", "sd", "ug"}),
}
"""Letters of the Arabic script that these languages have and its others have not."""

_KANA = 0.2
"""Share of letters in a syllabary from which on Chinese characters are read as Japanese."""

_LATIN_TOO = frozenset({"kk", "sr", "ug"})
_EVERY = frozenset().union(*_OWN.values())
_NEVER_LATIN = _EVERY - _LATIN_TOO
_LATIN = frozenset(
    "cs da de en es et fi fr ha hr hu id ig it lt lv ms nl no pl pt ro sk sl sv sw tl tr vi yo zu".split()  # noqa: SIM905
)
"""Languages that are never in a script of the table above; what neither table lists may be in any."""


def plausible(text: str, languages: Sequence[str]) -> BoolArray:
    """Tell which languages the script of most of a text's letters allows.

    Parameters
    ----------
    text : str
        Any text.
    languages : sequence of str, (L,)
        Language tags; only the part before the first hyphen or underscore counts.

    Returns
    -------
    ndarray of bool, (L,)
        All true where the script tells nothing: no letters, a script that is not known, or none of the languages.
    """
    everything = np.ones(len(languages), np.bool_)
    script = main_script(text)
    if script is None:
        return everything
    primary = [language.lower().replace("_", "-").split("-")[0] for language in languages]
    if script == "LATIN":
        found = np.array([language not in _NEVER_LATIN for language in primary], np.bool_)
    else:
        written = _OWN.get(script, frozenset())
        told = written & _told(text[:_LOOK])
        chosen = told if told & set(primary) else written
        listed = np.array([language in chosen for language in primary], np.bool_)
        if not listed.any():
            return everything
        found = listed | np.array([language not in _EVERY | _LATIN for language in primary], np.bool_)
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
    kana = counted["HIRAGANA"] + counted["KATAKANA"]
    return "HIRAGANA" if script == "CJK" and kana >= _KANA * counted.total() else script


@lru_cache(maxsize=16384)
def script_of(character: str) -> str | None:
    """First word of a letter's Unicode name, such as HANGUL; ``None`` for what is no letter."""
    if not character.isalpha():
        return None
    return unicodedata.name(character, "").split(" ")[0] or None
