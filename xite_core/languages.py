"""Language tags: their shape, and which of them mean the same (BCP 47, as far as it is needed here)."""

from __future__ import annotations

import re

SHAPE = r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*"
"""Tags such as ``ko``, ``pt-BR`` and ``kor_Hang``; requests have the same, written where the client reads it alone."""

UNDETERMINED = "und"
"""The tag of a language that cannot be told (ISO 639-2)."""


def folded(tag: str) -> str:
    """What is equal for tags that differ in nothing but case or separators: ``pt_br`` for ``pt-BR`` and ``pt_BR``."""
    return tag.replace("-", "_").lower()


def primary(tag: str) -> str:
    """The language alone, in lower case: ``zh`` of ``zh_Hant``."""
    return folded(tag).partition("_")[0]


def is_tag(value: str) -> bool:
    """Whether a text has the shape of a tag."""
    return re.fullmatch(SHAPE, value) is not None
