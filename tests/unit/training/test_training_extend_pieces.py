"""More pieces behind a finished vocabulary."""

from __future__ import annotations

from collections import Counter

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

pytest.importorskip("sentencepiece", reason="sentencepiece is part of the extra 'training'")

from training.extend_pieces import append, extend_tokenizer, train_pieces, word_counts

OLD = [("[PAD]", 0.0), ("[UNK]", 0.0), *((letter, -6.0) for letter in "abcdefghijklmnopqrstuvwxyz")]
NEW_TEXTS = ["მზე ანათებს", "მზე და ზღვა", "ზღვა ანათებს", "მზიანი დღე", "დღე და ღამე"] * 8


@pytest.fixture
def base() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram([*OLD, ("the", -3.0), ("sun", -4.0)], unk_id=1))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def test_words_are_counted_as_the_tokenizer_cuts_them(base: Tokenizer) -> None:
    assert word_counts(base, ["The sun, the sea", "x" * 200]) == Counter({"the": 2, "sun": 1, ",": 1, "sea": 1})


def test_old_pieces_keep_ids_scores_and_texts(base: Tokenizer) -> None:
    extended, dropped = extend_tokenizer(base, NEW_TEXTS, ["the sun"], 40, 3)
    size = base.get_vocab_size()
    assert dropped == 0
    assert extended.get_vocab_size() > size
    assert all(extended.token_to_id(piece) == i for piece, i in base.get_vocab().items())
    assert extended.encode("The sun").ids == base.encode("The sun").ids
    assert 1 in base.encode("მზე").ids
    assert min(extended.encode("მზე და ზღვა").ids) >= size


def test_pieces_that_would_change_a_protected_text_are_left_out(base: Tokenizer) -> None:
    texts = ["sea seaside seagull seal"] * 20
    free, _ = extend_tokenizer(base, texts, [], 30, 1)
    guarded, dropped = extend_tokenizer(base, texts, ["the sea"], 30, 1)
    assert free.encode("the sea").ids != base.encode("the sea").ids
    assert guarded.encode("the sea").ids == base.encode("the sea").ids
    assert dropped > 0


def test_large_counts_are_scaled_down() -> None:
    # as they are, SentencePiece would try to hold five billion words
    pieces = train_pieces(Counter({"მზე": 3_000_000_000, "ზღვა": 2_000_000_000}), 20)
    assert set("მზეღვა") <= pieces.keys()


def test_no_words_is_an_error() -> None:
    with pytest.raises(SystemExit, match="no words"):
        train_pieces(Counter(), 20)


def test_only_unigram_tokenizers_are_extended() -> None:
    with pytest.raises(SystemExit, match="Unigram"):
        append(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")), {"b": -1.0})
