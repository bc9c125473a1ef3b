"""Sequences that share a row: the same vectors as alone, for every architecture that does it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, BertModel, DebertaV2Config, DebertaV2Model

from tests.support.tiny_encoder import make_tiny_tokenizer, write_tokenizer
from xite_core.encoder import EncoderSpec, PairMode
from xite_core.encoder.packing import WIDTH, first_position, packed_batches, packed_rows, saves
from xite_core.encoder.spec import Pooling
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.types import Example

TEXTS = [
    "good",
    "the film was good and the food was bad",
    "영화가 정말 좋았어요",
    "a small dog " * 4,
    "bad",
    "the film was bad " * 40,
]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bert")
    tokenizer = make_tiny_tokenizer()
    write_tokenizer(tokenizer, directory)
    settings = '{"tokenizer_class": "BertTokenizer", "model_input_names": ["input_ids", "token_type_ids"]}'
    (directory / "tokenizer_config.json").write_text(settings)
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), pad_token_id=1, initializer_range=0.3, **SIZES)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config, add_pooling_layer=False).save_pretrained(directory)
    return directory


def shared(encoder: TransformersEncoder, examples: list[Example]) -> np.ndarray:
    """Vectors by shared rows, whatever they cost."""
    tokenized = encoder.tokenize(examples)
    lengths = np.array([len(ids) for ids in tokenized.ids])
    vectors = np.zeros((len(lengths), encoder.dimension), np.float32)
    with torch.inference_mode():
        for rows, pooled in encoder._packed(tokenized, np.flatnonzero(lengths <= WIDTH)):
            vectors[rows] = pooled.numpy()
    return vectors


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("layer", [-1, 1])
@pytest.mark.parametrize("kind", ["tiny", "bert"])
def test_a_shared_row_gives_the_vectors_of_rows_alone(
    kind: str, layer: int, pooling: Pooling, request: pytest.FixtureRequest
) -> None:
    directory = request.getfixturevalue(kind)
    encoder = TransformersEncoder(EncoderSpec(str(directory), pooling=pooling, layer=layer), token_budget=128)
    examples = [Example(text) for text in TEXTS[:-1]] * 3
    alone = np.concatenate([encoder.encode([example]).vectors for example in examples])
    np.testing.assert_allclose(shared(encoder, examples), alone, atol=2e-6)


def test_segments_are_kept_in_a_shared_row(bert: Path) -> None:
    encoder = TransformersEncoder(EncoderSpec(str(bert), pairs=PairMode.JOINT))
    pairs = [Example("good", "the film was bad"), Example("영화가 정말 좋았어요", "bad"), Example("a dog", "a book")]
    alone = np.concatenate([encoder.encode([pair]).vectors for pair in pairs])
    np.testing.assert_allclose(shared(encoder, pairs), alone, atol=2e-6)
    turned = shared(encoder, [Example(pair.text_pair or "", pair.text) for pair in pairs])
    assert np.abs(turned - alone).max() > 1e-3


def test_long_texts_get_rows_of_their_own_beside_shared_ones(tiny: Path) -> None:
    encoder = TransformersEncoder(EncoderSpec(str(tiny)))
    examples = [Example(text) for text in TEXTS * 4]
    assert encoder._shared(np.array([len(ids) for ids in encoder.tokenize(examples).ids])).sum() == 20
    alone = np.concatenate([encoder.encode([example]).vectors for example in examples])
    np.testing.assert_allclose(encoder.encode(examples).vectors, alone, atol=2e-6)


def test_models_with_relative_positions_do_not_share_rows() -> None:
    assert first_position(DebertaV2Model(DebertaV2Config(vocab_size=20, **SIZES))) is None
    assert first_position(BertModel(BertConfig(vocab_size=20, attn_implementation="eager", **SIZES))) is None
    assert first_position(BertModel(BertConfig(vocab_size=20, is_decoder=True, **SIZES))) is None
    assert first_position(BertModel(BertConfig(vocab_size=20, **SIZES))) == 0


@given(st.lists(st.integers(1, 64), max_size=60))
def test_every_item_is_in_one_row_that_has_room(lengths: list[int]) -> None:
    rows = packed_rows(lengths, 64)
    assert sorted(item for row in rows for item in row) == list(range(len(lengths)))
    assert all(sum(lengths[item] for item in row) <= 64 for row in rows)
    assert all(row for row in rows)
    halves = sum(sum(lengths[item] for item in row) <= 32 for row in rows)
    assert halves <= 1, "two rows that are at most half full would have been one"


def test_mixed_lengths_are_packed_and_equal_ones_are_not() -> None:
    assert saves(np.random.default_rng(0).integers(5, 60, 40), 2048)
    assert not saves(np.full(512, 60), 2048)
    assert not saves(np.full(1, 20), 2048)
    assert not saves(np.zeros(0, np.int64), 2048)


def test_a_batch_holds_no_more_tokens_than_the_budget(tiny: Path) -> None:
    encoder = TransformersEncoder(EncoderSpec(str(tiny)))
    tokenized = encoder.tokenize([Example("a small dog runs")] * 100)
    batches = list(packed_batches(tokenized, np.arange(100), 2, 256, segments=False))
    assert max(batch.input_ids.numel() for batch in batches) <= 256
    assert sorted(row for batch in batches for row in batch.sequences) == list(range(100))
