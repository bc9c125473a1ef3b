"""The shape of language tags, for requests and the command line."""

from __future__ import annotations

import re

LANGUAGE_SHAPE = r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*"
"""Tags such as ``ko``, ``pt-BR`` and ``kor_Hang``; the names of languages are none."""
EXPECTED = "a language tag such as ko or pt-BR"


def pool_problem(tag: str) -> str | None:
    """Say what is wrong with a tag as the name of a language of the reference pool; ``None`` where nothing is."""
    primary, *_ = re.split("[-_]", tag)
    if not re.fullmatch(LANGUAGE_SHAPE, tag):
        return f"expected {EXPECTED}"
    if primary == "und":
        return "expected a language that is known; 'und' is one that is not"
    return f"expected {primary.lower()!r} in lower case" if primary != primary.lower() else None
