"""Invariants of batching and hashing over generated inputs."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from xite_core.encoder import EncoderSpec, HashingEncoder, PairMode, Pooling
from xite_core.encoder.batching import token_batches
from xite_core.types import Example

LENGTHS = st.lists(st.integers(0, 600), max_size=60)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80).filter(str.strip)


@given(LENGTHS, st.integers(1, 3000))
def test_every_index_is_in_one_batch(lengths: list[int], budget: int) -> None:
    batches = token_batches(lengths, budget)
    together = np.concatenate([np.empty(0, dtype=np.int64), *batches])
    assert sorted(together.tolist()) == list(range(len(lengths)))


@given(LENGTHS, st.integers(1, 3000))
def test_padded_size_stays_within_the_budget(lengths: list[int], budget: int) -> None:
    for batch in token_batches(lengths, budget):
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= budget


@given(LENGTHS, st.integers(1, 3000))
def test_batches_go_from_long_to_short(lengths: list[int], budget: int) -> None:
    in_order = [lengths[i] for batch in token_batches(lengths, budget) for i in batch]
    assert in_order == sorted(lengths, reverse=True)


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXT, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_hashing_gives_unit_vectors_in_any_order(texts: list[str], random: object) -> None:
    encoder = HashingEncoder()
    vectors = encoder.encode([Example(text) for text in texts]).vectors
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    order = list(range(len(texts)))
    random.shuffle(order)  # type: ignore[attr-defined]
    again = encoder.encode([Example(texts[i]) for i in order]).vectors
    np.testing.assert_array_equal(again, vectors[order])


@settings(deadline=None, max_examples=60)
@given(TEXT, TEXT, st.integers(8, 60), st.sampled_from(PairMode))
def test_hashing_flags_exactly_the_cut_pairs(text: str, other: str, limit: int, mode: PairMode) -> None:
    whole = HashingEncoder(EncoderSpec("hashing", pairs=mode, max_tokens=8192))
    cut = HashingEncoder(EncoderSpec("hashing", pairs=mode, max_tokens=limit))
    full, kept = whole.tokenize([Example(text, other)]), cut.tokenize([Example(text, other)])
    assert kept.truncated[0] == (kept.n_tokens[0] < full.n_tokens[0])
    assert all(len(ids) <= limit for ids in kept.ids)


@settings(deadline=None, max_examples=60)
@given(TEXT)
def test_hashing_ignores_case_and_spacing(text: str) -> None:
    assume(text.upper().casefold() == text.casefold())
    encoder = HashingEncoder()
    one, two = encoder.encode([Example(text), Example(f"  {text.upper()}\n")]).vectors
    assume(encoder.tokenize([Example(text)]).ids == encoder.tokenize([Example(text.upper())]).ids)
    np.testing.assert_array_equal(one, two)


@given(
    st.sampled_from(Pooling),
    st.integers(-256, 256),
    st.sampled_from(PairMode),
    st.text(st.characters(categories=["L", "Nd"]), max_size=20),
    st.integers(8, 8192),
)
def test_a_spec_survives_json(pooling: Pooling, layer: int, pairs: PairMode, prefix: str, max_tokens: int) -> None:
    spec = EncoderSpec("intfloat/multilingual-e5-small", pooling, layer, pairs, prefix, max_tokens)
    assert EncoderSpec.from_dict(spec.as_dict()) == spec
