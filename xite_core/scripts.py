"""The script of a text's letters (ours)."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache

LOOK = 400
"""Characters that are looked at."""

_KANA = 0.2
"""Share of letters in a syllabary from which on Chinese characters are read as Japanese."""


def main_script(text: str) -> str | None:
    """Script of most letters of a text's beginning; a syllabary among Chinese characters is Japanese."""
    counted = Counter(script for script in map(script_of, text[:LOOK]) if script)
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
