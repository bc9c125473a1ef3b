"""Stage 2: normalisation, word-start marks, one vocabulary of English and new pieces."""

from __future__ import annotations

import math
from collections import Counter

import pytest

pytest.importorskip("sentencepiece", reason="sentencepiece is part of the extra 'training'")
pytest.importorskip("tqdm", reason="tqdm is part of the extra 'training'")

from tokenizers import pre_tokenizers

from training.tokenizer import MARK, SPECIAL, build, merge, normalizer, our_spelling

NORMAL = normalizer()


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("Hello World", f"{MARK}hello {MARK}world"),
        ("재미 있다", "재미 있다"),  # no mark on other scripts
        ("5시에 Zoom으로", f"{MARK}5시에 {MARK}zoom으로"),  # the mark stands where Latin letters or digits begin
        ("ﬁne ＡＢ", f"{MARK}fine {MARK}ab"),
        ("كتابٌ", "کتاب"),  # vowel sign dropped, Arabic kaf as the Persian one
        ("آدمي", "ادمی"),
        ("می\u200cروم", "میروم"),
        ("شـــكرا", "شکرا"),  # no stretching
    ],
)
def test_normaliser(raw: str, wanted: str) -> None:
    assert NORMAL.normalize_str(raw) == wanted


def test_normaliser_is_idempotent_on_unmarked_scripts() -> None:
    once = NORMAL.normalize_str("مدرسة كبيرة — 재미")
    assert NORMAL.normalize_str(once) == once


def test_words_are_cut_at_blanks_and_punctuation() -> None:
    words = pre_tokenizers.BertPreTokenizer().pre_tokenize_str(NORMAL.normalize_str("It's fine, 좋아요!"))
    assert [word for word, _ in words] == [f"{MARK}it", "'", f"{MARK}s", f"{MARK}fine", ",", "좋아요", "!"]


@pytest.mark.parametrize(
    ("theirs", "ours"), [("word", f"{MARK}word"), ("##ing", "ing"), ("été", f"{MARK}été"), ("!", "!"), ("한", "한")]
)
def test_our_spelling(theirs: str, ours: str) -> None:
    assert our_spelling(theirs) == ours


def test_merge_keeps_frequent_english_and_adds_new_pieces() -> None:
    english = Counter({f"{MARK}good": 90, "ly": 9, "rare": 1, "[UNK]": 50})
    merged = merge({f"{MARK}good": -1.0, "좋": -3.0}, english, minimum=5)
    assert [piece for piece, _ in merged[: len(SPECIAL)]] == list(SPECIAL)
    scores = dict(merged)
    assert scores[f"{MARK}good"] == pytest.approx(math.log(90 / 150))  # English wins over the new score
    assert scores["좋"] == -3.0
    assert "rare" not in scores
    assert scores["[UNK]"] == 0.0
    ordered = [score for _, score in merged[len(SPECIAL) :]]
    assert ordered == sorted(ordered, reverse=True)


def test_built_tokenizer_cuts_english_as_its_pieces_say_and_adds_special_tokens() -> None:
    vocabulary = [(name, 0.0) for name in SPECIAL]
    vocabulary += [(f"{MARK}good", -2.0), ("ness", -3.0), ("좋", -3.0), ("아요", -4.0), (MARK, -12.0)]
    tokenizer = build(vocabulary)
    assert tokenizer.convert_ids_to_tokens(tokenizer("Goodness 좋아요")["input_ids"]) == [
        "[CLS]", f"{MARK}good", "ness", "좋", "아요", "[SEP]",
    ]  # fmt: skip
    pair = tokenizer("good", "좋")
    assert pair["input_ids"].count(tokenizer.sep_token_id) == 2
