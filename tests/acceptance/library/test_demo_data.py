"""The demonstration data is what it says: counts, balance, no copies, gold labels."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from xite_core.demo import TARGET_LANGUAGES, TASKS, demo_file

ROWS = {("reviews", "en"): 400, ("nli", "en"): 200}
ROWS |= {("reviews", lang): 50 for lang in TARGET_LANGUAGES} | {("nli", lang): 30 for lang in TARGET_LANGUAGES}
LABELS = {"reviews": {"positive", "negative"}, "nli": {"entailment", "neutral", "contradiction"}}
SCRIPTS = {
    "ko": ("\uac00", "\ud7a3"),
    "ar": ("\u0621", "\u064a"),
    "ur": ("\u0600", "\u06ff"),
    "hi": ("\u0900", "\u097f"),
}
URDU_LETTERS = set("ٹڈڑےںگچپہ")


def demo(task: str, lang: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in demo_file(task, lang).read_text("utf8").splitlines()]


def sides(row: dict[str, str]) -> list[str]:
    return [row[name] for name in ("text", "text_pair") if name in row]


def folded(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .!?")


@pytest.mark.parametrize(("task", "lang"), ROWS)
def test_rows_are_complete_and_balanced(task: str, lang: str) -> None:
    rows = demo(task, lang)
    assert len(rows) == ROWS[task, lang]
    assert {row["lang"] for row in rows} == {lang}
    counts = Counter(row["label"] for row in rows)
    assert set(counts) == LABELS[task]
    assert max(counts.values()) - min(counts.values()) <= 1
    assert all(("text_pair" in row) == (task == "nli") for row in rows)
    assert all(side == side.strip() and side for row in rows for side in sides(row))


@pytest.mark.parametrize("lang", ["en", *TARGET_LANGUAGES])
def test_reviews_cover_three_domains_evenly(lang: str) -> None:
    domains = Counter(row["domain"] for row in demo("reviews", lang))
    assert set(domains) == {"film", "restaurant", "product"}
    assert max(domains.values()) - min(domains.values()) <= 1


def test_english_domains_are_balanced_by_label() -> None:
    cells = Counter((row["domain"], row["label"]) for row in demo("reviews", "en"))
    assert max(cells.values()) - min(cells.values()) <= 1


def test_ids_are_unique_over_everything() -> None:
    ids = [row["id"] for task, lang in ROWS for row in demo(task, lang)]
    assert len(ids) == len(set(ids)) == sum(ROWS.values())


@pytest.mark.parametrize(("task", "lang"), ROWS)
def test_no_row_stands_twice(task: str, lang: str) -> None:
    rows = demo(task, lang)
    assert len({tuple(map(folded, sides(row))) for row in rows}) == len(rows)


def test_no_premise_and_hypothesis_are_the_same() -> None:
    for lang in ("en", *TARGET_LANGUAGES):
        assert all(folded(row["text"]) != folded(row["text_pair"]) for row in demo("nli", lang))


@pytest.mark.parametrize("lang", TARGET_LANGUAGES)
@pytest.mark.parametrize("task", TASKS)
def test_target_texts_are_in_their_script_and_none_is_english(task: str, lang: str) -> None:
    english = {folded(side) for each in TASKS for row in demo(each, "en") for side in sides(row)}
    low, high = SCRIPTS[lang]
    for row in demo(task, lang):
        for side in sides(row):
            assert folded(side) not in english
            letters = [character for character in side if character.isalpha()]
            assert sum(low <= character <= high for character in letters) > 0.6 * len(letters), side


def test_arabic_is_not_urdu_and_urdu_is_not_arabic() -> None:
    share = {
        lang: sum(bool(URDU_LETTERS & set(row["text"])) for row in demo("reviews", lang)) / 50 for lang in ("ar", "ur")
    }
    assert share["ar"] < 0.05
    assert share["ur"] > 0.9
