"""Stage 1: what goes into the training files, and that evaluation text does not."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from training_recipe import recipe

from training.config import Config
from training.prepare import canonical, check, clean, digest, heldout, is_translation, tidy, written_rows

HELD_OUT = "The bridge was closed for two weeks."
DEV_ENGLISH, DEV_KOREAN = "Who painted the old fence?", "누가 그 낡은 울타리를 칠했나요?"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    made = recipe(tmp_path)
    pq.write_table(pa.table({"sha256_8": [digest(HELD_OUT)]}), made.path("heldout_hashes"))
    made.path("retrieval").mkdir()
    pq.write_table(pa.table({"en": [DEV_ENGLISH], "xx": [DEV_KOREAN]}), made.path("retrieval") / "tatoeba.kor.parquet")
    return made


def test_digest_is_of_the_folded_text() -> None:
    assert digest("  ＡＢＣ  straße\n") == digest("abc strasse")
    assert digest("abc strasse") != digest("abc strass")
    assert len(digest("x")) == 8


def test_canonical_folds_width_case_and_space() -> None:
    assert canonical(" Ｆｕｌｌ \t Width\n") == "full width"


def test_heldout_reads_hashes_and_both_sides_of_the_dev_sets(config: Config) -> None:
    assert heldout(config) == {digest(text) for text in (HELD_OUT, DEV_ENGLISH, DEV_KOREAN)}


def test_heldout_hashes_may_be_hexadecimal(config: Config) -> None:
    pq.write_table(pa.table({"sha256_8": [digest(HELD_OUT).hex()]}), config.path("heldout_hashes"))
    assert digest(HELD_OUT) in heldout(config)


@pytest.mark.parametrize(("raw", "wanted"), [("  # A   title ", "A title"), ("- one\ntwo", "one two"), ("•", "")])
def test_tidy(raw: str, wanted: str) -> None:
    assert tidy(raw) == wanted


@pytest.mark.parametrize(
    ("language", "english", "text", "good"),
    [
        ("ko", "The soup is cold.", "국이 식었어요.", True),
        ("de", "The soup is cold.", "Die Suppe ist kalt.", True),
        ("de", "The soup is cold.", "the soup  is COLD.", False),  # a copy
        ("ko", "The soup is cold.", "The soup is very cold.", False),  # not in the language's script
        ("ko", "The soup is cold.", "12:30 - 14:45 (!)", False),  # hardly a letter
        ("ko", "The soup is cold and nobody wants to eat it any more, so we threw it away.", "국", False),  # length
        ("ko", "A" * 400, "국이 식었어요.", False),
        ("ko", "A", "국", False),
    ],
)
def test_is_translation(config: Config, language: str, english: str, text: str, good: bool) -> None:
    assert is_translation(language, english, text, config) is good


def test_clean_keeps_each_good_pair_once_and_counts_the_rest(config: Config) -> None:
    rows = [
        ("coop", "ko", "The soup is cold.", "국이 식었어요."),
        ("coop", "ko", "the soup is  cold.", "국이 식었어요."),  # the same but for case
        ("coop", "zh-TW", "The soup is cold.", "湯已經涼了。"),  # a variant is trained as its language
        ("coop", "xx", "The soup is cold.", "?"),
        ("coop", "ko", "", "국"),
        ("coop", "ko", f"# {HELD_OUT}", "다리는 두 주 동안 닫혀 있었다."),
        ("coop", "ko", "Somebody painted a fence.", DEV_KOREAN),
    ]
    kept, why = clean(rows, heldout(config), config)
    assert kept == [rows[0], ("coop", "zh", "The soup is cold.", "湯已經涼了。")]
    counted = {"kept": 2, "duplicate": 1, "another language": 1, "not a translation": 1, "held out": 2}
    assert dict(why) == counted


@pytest.mark.parametrize("text", [HELD_OUT.upper(), DEV_KOREAN])
@pytest.mark.parametrize("name", ["english.parquet", "pairs.parquet"])
def test_check_finds_a_held_out_text(config: Config, name: str, text: str) -> None:
    for file in ("english.parquet", "pairs.parquet"):
        pq.write_table(pa.table({"text": ["The soup is cold."]}), config.work / file)
    check(config.work, heldout(config))
    pq.write_table(pa.table({"text": ["The soup is cold.", text]}), config.work / name)
    with pytest.raises(SystemExit, match=name):
        check(config.work, heldout(config))


def test_written_rows_names_the_languages_by_the_first_line(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('en\tko\tar\nA "q".\t가\tب\ntoo\tshort\n', "utf8")
    assert list(written_rows([tmp_path])) == [("written", "ko", 'A "q".', "가"), ("written", "ar", 'A "q".', "ب")]
