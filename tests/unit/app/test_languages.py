"""Language tags: one shape everywhere, and what may name a language of the pool."""

from __future__ import annotations

import numpy as np
import pytest

from app.commands.arguments import pool_files
from app.languages import LANGUAGE_SHAPE, pool_problem
from xite_core.errors import OptionError
from xite_core.languages import SHAPE
from xite_core.pool import ReferencePool


def test_files_and_requests_have_the_same_tags() -> None:
    assert SHAPE == LANGUAGE_SHAPE


@pytest.mark.parametrize("tag", ["ko", "yo", "pt-BR", "kor_Hang"])
def test_languages_of_the_pool(tag: str) -> None:
    assert pool_problem(tag) is None


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ("Korean language=f", "a language tag such as ko"),
        ("KO=f", "'ko' in lower case"),
        ("und=f", "a language that is known"),
        ("en-US=f", "'en' for all of English"),
        ("ko", "NAME=VALUE"),
    ],
)
def test_what_is_no_language_is_refused(item: str, problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        pool_files([item])


def test_a_language_is_given_once() -> None:
    with pytest.raises(OptionError, match=r"each name once; yo is a\.txt already"):
        pool_files(["yo=a.txt", "yo=b.txt"])


def test_each_language_once_however_it_is_written() -> None:
    with pytest.raises(OptionError, match="each language once"):
        pool_files(["pt-BR=f", "pt_br=g"])


def test_pools_know_the_languages_that_tags_mean() -> None:
    rows = np.eye(2, dtype=np.float32)
    pool = ReferencePool({"en": rows, "ko": rows, "pt-BR": rows, "zh": rows})
    tags = ["ko", "KO", "ko-KR", "pt_br", "pt", "zh_Hant", "yo-NG"]
    assert pool.known_as(tags) == ["ko", "ko", "ko", "pt-BR", "pt-BR", "zh", "yo"]
    assert pool.columns(tags).tolist() == [1, 1, 1, 2, 2, 3, 4]
    two = ReferencePool({"en": rows, "zh_Hans": rows, "zh_Hant": rows})
    assert two.known_as(["zh_Hant", "zh-hans", "zh", "zh-TW"]) == ["zh_Hant", "zh_Hans", "zh", "zh"]
