from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from xite_core.encoder import EncoderSpec, PairMode
from xite_core.encoder.tokenization import ExampleTokenizer
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.errors import OptionError, RowError
from xite_core.types import Example


@pytest.fixture(scope="module")
def encoder(tiny: Path) -> TransformersEncoder:
    return TransformersEncoder(EncoderSpec(str(tiny)))


def test_texts_of_one_length_need_no_mask(encoder: TransformersEncoder) -> None:
    tokenized = encoder.tokenize([Example("good"), Example("good"), Example("the film was good")])
    assert encoder.collate(tokenized, np.array([0, 1])).attention_mask is None
    mask = encoder.collate(tokenized, np.array([2, 0])).attention_mask
    assert mask is not None
    assert mask.sum(dim=1).tolist() == [len(tokenized.ids[2]), len(tokenized.ids[0])]
    padded = encoder.collate(tokenized, np.array([2, 0])).input_ids
    assert padded[1, len(tokenized.ids[0]) :].unique().tolist() == [1]


def test_results_come_without_gradient_and_can_be_used_by_autograd(encoder: TransformersEncoder) -> None:
    vectors = encoder.encode([Example("good")]).vectors
    weight = torch.ones(encoder.dimension, requires_grad=True)
    (torch.from_numpy(vectors) @ weight).sum().backward()
    assert weight.grad is not None


@pytest.mark.parametrize("mode", PairMode)
def test_embed_is_forward_with_a_gradient(tiny: Path, mode: PairMode) -> None:
    encoder = TransformersEncoder(EncoderSpec(str(tiny), pairs=mode))
    tokenized = encoder.tokenize([Example("good", "the film was bad"), Example("영화가 정말 좋았어요", "bad")])
    embedded = encoder.embed(tokenized)
    np.testing.assert_allclose(embedded.detach().numpy(), encoder.forward(tokenized), atol=1e-5)
    embedded[0, 0].backward()
    assert encoder.layers is not None
    gradient = next(encoder.layers[0].parameters()).grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_literal_special_tokens_do_not_break_padding(encoder: TransformersEncoder) -> None:
    texts = [Example("<pad> good <pad>"), Example("</s><s>"), Example("the film was good and the food was bad")]
    together = encoder.encode(texts).vectors
    alone = np.concatenate([encoder.encode([text]).vectors for text in texts])
    assert (together * alone).sum(axis=1).min() > 0.9999


def test_long_texts_are_quick_and_quiet(encoder: TransformersEncoder, capfd: pytest.CaptureFixture[str]) -> None:
    start = time.process_time()
    texts = ["good film " * 200_000, "doggrass" * 200_000, "x" * 500_000 + " good", "영화가정말" * 100_000]
    tokenized = encoder.tokenize([Example(text) for text in texts])
    assert time.process_time() - start < 10
    assert tokenized.truncated.tolist() == [True, True, False, True]
    assert tokenized.n_tokens.tolist()[:2] == [128, 128]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("text", ["good film was the ", "영화가정말좋았어요", "कখअच्छी ", "a  \u3000 b "])
@pytest.mark.parametrize("times", [10, 64, 65, 66, 100, 1000])
def test_a_long_text_keeps_the_tokens_of_the_whole(tiny: Path, text: str, times: int) -> None:
    limit = 64
    plain = Tokenizer.from_file(str(tiny / "tokenizer.json"))
    whole = plain.encode(text * times, add_special_tokens=False).ids
    tokenized = ExampleTokenizer(Tokenizer.from_file(str(tiny / "tokenizer.json")), EncoderSpec("x", max_tokens=limit))(
        [Example(text * times)]
    )
    assert tokenized.ids[0] == [0, *whole[: limit - 2], 2]
    assert tokenized.truncated.tolist() == [len(whole) > limit - 2]


def test_a_long_pair_keeps_the_tokens_of_the_whole(tiny: Path) -> None:
    plain = Tokenizer.from_file(str(tiny / "tokenizer.json"))
    plain.enable_truncation(64, strategy="longest_first")
    tokenizer = ExampleTokenizer(Tokenizer.from_file(str(tiny / "tokenizer.json")), EncoderSpec("x", max_tokens=64))
    for first, second in (("good ", "bad film "), ("bad film ", "good ")):
        for times in ((1, 900), (900, 1), (300, 200), (20, 400), (9, 9)):
            pair = (first * times[0], second * times[1])
            assert tokenizer([Example(*pair)]).ids[0] == plain.encode(*pair).ids


def test_an_endless_pair_is_quick(encoder: TransformersEncoder) -> None:
    start = time.process_time()
    side = "x" * 100_000 + " good film" * 30_000
    assert encoder.tokenize([Example(side, side)]).n_tokens.tolist() == [128]
    assert time.process_time() - start < 10


def test_a_text_without_tokens_is_refused(tmp_path: Path) -> None:
    from tokenizers import models, pre_tokenizers

    backend = Tokenizer(models.WordLevel({"good": 0}, unk_token="good"))
    backend.pre_tokenizer = pre_tokenizers.Split("\u200b", "removed")
    with pytest.raises(RowError, match="no token") as caught:
        ExampleTokenizer(backend, EncoderSpec("x"))([Example("good"), Example("\u200b")])
    assert caught.value.row == 1


@pytest.mark.parametrize("budget", [0, -1, True, 1.5])
def test_token_budget_is_checked(tiny: Path, budget: object) -> None:
    with pytest.raises(OptionError, match="token_budget"):
        TransformersEncoder(EncoderSpec(str(tiny)), token_budget=budget)  # type: ignore[arg-type]
