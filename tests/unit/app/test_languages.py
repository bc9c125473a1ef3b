"""Language tags: one shape everywhere, and what may name a language of the pool."""

from __future__ import annotations

import pytest

from app.commands.arguments import pool_files
from app.languages import LANGUAGE_SHAPE, pool_problem
from xite_core.errors import OptionError
from xite_core.records.parsing import TAG


def test_files_and_requests_have_the_same_tags() -> None:
    assert TAG == LANGUAGE_SHAPE


@pytest.mark.parametrize("tag", ["ko", "yo", "pt-BR", "kor_Hang"])
def test_languages_of_the_pool(tag: str) -> None:
    assert pool_problem(tag) is None


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ("Korean language=f", "a language tag such as ko"),
        ("KO=f", "'ko' in lower case"),
        ("und=f", "a language that is known"),
        ("ko", "NAME=VALUE"),
    ],
)
def test_what_is_no_language_is_refused(item: str, problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        pool_files([item])


def test_a_language_is_given_once() -> None:
    with pytest.raises(OptionError, match=r"each name once; yo is a\.txt already"):
        pool_files(["yo=a.txt", "yo=b.txt"])
