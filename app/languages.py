"""The shape of language tags, for requests and the command line."""

from __future__ import annotations

import re
from typing import Any

LANGUAGE_SHAPE = r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*"
"""Tags such as ``ko``, ``pt-BR`` and ``kor_Hang``; the names of languages are none."""
EXPECTED = "a language tag such as ko or pt-BR"
LONGEST_TAG = 35


def tag_or_none(value: Any) -> str | None:
    """A value where it is a tag; annotation tools hold anything under the name of ``lang``."""
    fits = isinstance(value, str) and len(value) <= LONGEST_TAG and re.fullmatch(LANGUAGE_SHAPE, value)
    return value if fits else None


def pool_problem(tag: str) -> str | None:
    """Say what a tag has to be to name a language of the reference pool; ``None`` where it does."""
    primary, *more = re.split("[-_]", tag)
    if not re.fullmatch(LANGUAGE_SHAPE, tag):
        return EXPECTED
    if primary.lower() == "und":
        return "a language that is known; 'und' is one that is not"
    if primary == "en" and more:
        return "'en' for all of English"
    return f"{primary.lower()!r} in lower case" if primary != primary.lower() else None
