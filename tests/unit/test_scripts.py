"""A text's script limits the languages it can be in."""

from __future__ import annotations

import pytest

from xite_core.scripts import plausible, script_of

POOL = ("en", "am", "ar", "de", "hi", "ja", "ko", "ur", "zh")


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("یہ کتاب بہت اچھی ہے", {"ur"}),
        ("تجربة ممتازة جدا", {"ar"}),
        ("سلام", {"ar", "ur"}),
        ("यह अच्छा है", {"hi"}),
        ("정말 좋아요 good", {"ko"}),
        ("とてもよかった", {"ja"}),
        ("最高の映画", {"ja"}),
        ("非常好", {"ja", "zh"}),
        ("ይህ ጥሩ ነው", {"am"}),
        ("Sehr gut", {"en", "de"}),
        ("10/10 !!!", set(POOL)),
        ("ძალიან კარგი", set(POOL)),
    ],
)
def test_languages_of_the_script(text: str, languages: set[str]) -> None:
    allowed = plausible(text, POOL)
    assert {name for name, may in zip(POOL, allowed, strict=True) if may} == languages


def test_regions_and_unheard_languages() -> None:
    assert plausible("gut", ("pt-BR", "xx", "ko-KR")).tolist() == [True, True, False]


def test_script_of_signs() -> None:
    assert [script_of(sign) for sign in ("a", "ㅋ", "7", " ", "\u200b")] == ["LATIN", "HANGUL", None, None, None]


@pytest.mark.parametrize(
    ("text", "pool", "expected"),
    [
        ("Мені кітап керек", ("kk", "ru", "uk"), [True, True, True]),
        ("Бу бик яхшы", ("tt", "ru", "de"), [True, True, False]),
        ("很好", ("zh_Hant", "ja"), [True, True]),
        ("这是优の良品商店,很好", ("zh", "ja"), [True, True]),
        ("كتاب", ("sd", "ur", "ar"), [True, False, True]),
    ],
)
def test_what_cannot_be_told_is_left_to_the_vectors(text: str, pool: tuple[str, ...], expected: list[bool]) -> None:
    assert plausible(text, pool).tolist() == expected
