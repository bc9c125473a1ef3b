"""The script of letters and of texts."""

from __future__ import annotations

import pytest

from xite_core.scripts import LOOK, main_script, script_of


def test_script_of_signs() -> None:
    assert [script_of(sign) for sign in ("a", "ㅋ", "7", " ", "\u200b")] == ["LATIN", "HANGUL", None, None, None]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("یہ کتاب بہت اچھی ہے", "ARABIC"),
        ("정말 좋아요 good", "HANGUL"),
        ("good film, 좋다", "LATIN"),
        ("最高の映画", "HIRAGANA"),
        ("这是优の良品商店,很好", "CJK"),
        ("10/10 !!!", None),
        ("", None),
        ("a" * LOOK + "좋" * 1000, "LATIN"),
    ],
)
def test_script_of_most_letters(text: str, script: str | None) -> None:
    assert main_script(text) == script
