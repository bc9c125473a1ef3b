"""What every encoder promises, whichever backend it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.tiny_encoder import make_tiny_xlmr
from xite_core.encoder import Encoder, EncoderSpec, PairMode, Pooling, load_encoder
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.errors import InputError, RowError
from xite_core.types import Example

Maker = Callable[..., Encoder]

TEXTS = [
    "the film was good",
    "음식이 별로였고 서비스도 느렸어요",
    "كان الفيلم جميلا والطعام سيئا",
    "bad",
    "यह फिल्म बहुत अच्छी थी और खाना खराब था " * 3,
    "a small dog runs over the green grass and nobody liked the end of this book",
    "ok 👍🏽 \t tabs\nand lines",
]
PAIRS = [("the film was good", "the food was bad"), ("영화가 정말 좋았어요", "다시 보고 싶어요"), ("bad", "good " * 9)]


def singles(texts: list[str] = TEXTS) -> list[Example]:
    return [Example(text) for text in texts]


def pairs() -> list[Example]:
    return [Example(premise, hypothesis) for premise, hypothesis in PAIRS]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_xlmr(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(scope="module", params=["hashing", "xlmr-mean", "xlmr-cls", "xlmr-layer"])
def make(request: pytest.FixtureRequest, tiny: Path) -> Maker:
    choices = {
        "xlmr-mean": {},
        "xlmr-cls": {"pooling": Pooling.CLS},
        "xlmr-layer": {"layer": 1},
        "hashing": {},
    }[request.param]
    name = "hashing" if request.param == "hashing" else str(tiny)
    return lambda **more: load_encoder(EncoderSpec(name, **{**choices, **more}))


@pytest.fixture(scope="module")
def encoder(make: Maker) -> Encoder:
    return make()


def test_vectors_are_unit_float32_of_the_dimension(encoder: Encoder) -> None:
    encoded = encoder.encode(singles())
    assert encoded.vectors.dtype == np.float32
    assert encoded.vectors.shape == (len(TEXTS), encoder.dimension)
    np.testing.assert_allclose(np.linalg.norm(encoded.vectors, axis=1), 1.0, atol=1e-5)
    assert encoded.n_tokens.dtype == np.int64
    assert encoded.truncated.dtype == np.bool_


def test_encode_is_tokenize_then_forward(encoder: Encoder) -> None:
    tokenized = encoder.tokenize(singles())
    encoded = encoder.encode(singles())
    np.testing.assert_array_equal(encoder.forward(tokenized), encoded.vectors)
    np.testing.assert_array_equal(tokenized.n_tokens, encoded.n_tokens)
    assert [len(ids) for ids in tokenized.ids] == tokenized.n_tokens.tolist()
    assert [len(ids) for ids in tokenized.type_ids] == tokenized.n_tokens.tolist()


def test_each_text_has_the_vector_it_has_alone(encoder: Encoder) -> None:
    together = encoder.encode(singles()).vectors
    alone = np.concatenate([encoder.encode([example]).vectors for example in singles()])
    assert (together * alone).sum(axis=1).min() > 0.9999


def test_permuted_texts_give_permuted_vectors(encoder: Encoder) -> None:
    order = np.random.default_rng(3).permutation(len(TEXTS))
    permuted = encoder.encode([singles()[i] for i in order])
    straight = encoder.encode(singles())
    assert (permuted.vectors * straight.vectors[order]).sum(axis=1).min() > 0.9999
    np.testing.assert_array_equal(permuted.n_tokens, straight.n_tokens[order])


def test_the_same_text_twice_gives_the_same_vector(encoder: Encoder) -> None:
    first, second = encoder.encode(singles()).vectors, encoder.encode(singles()).vectors
    np.testing.assert_array_equal(first, second)


def test_a_second_instance_gives_the_same_vectors(make: Maker, encoder: Encoder) -> None:
    np.testing.assert_array_equal(make().encode(singles()).vectors, encoder.encode(singles()).vectors)


def test_different_texts_differ(encoder: Encoder) -> None:
    vectors = encoder.encode(singles()).vectors
    assert np.max(vectors @ vectors.T - 2 * np.eye(len(TEXTS))) < 0.99999


@pytest.mark.parametrize("mode", PairMode)
def test_no_examples_give_empty_arrays(make: Maker, mode: PairMode) -> None:
    encoder = make(pairs=mode)
    encoded = encoder.encode([])
    assert encoded.vectors.shape == (0, encoder.dimension)
    assert encoded.vectors.dtype == np.float32
    assert encoded.n_tokens.shape == encoded.truncated.shape == (0,)


def test_truncation_is_flagged_for_each_text(make: Maker) -> None:
    encoder = make(max_tokens=12)
    encoded = encoder.encode(singles(["bad", "the film was good and bad " * 20, "good"]))
    assert encoded.truncated.tolist() == [False, True, False]
    assert encoded.n_tokens[1] == 12
    assert encoded.n_tokens[0] < 12


def test_a_text_that_just_fits_is_not_flagged(make: Maker, encoder: Encoder) -> None:
    text = "the film was good and the food was bad"
    length = int(encoder.encode(singles([text])).n_tokens[0])
    assert make(max_tokens=length).encode(singles([text])).truncated.tolist() == [False]
    assert make(max_tokens=length - 1).encode(singles([text])).truncated.tolist() == [True]


def test_text_beyond_the_maximum_does_not_matter(make: Maker) -> None:
    encoder = make(max_tokens=16)
    short, endless = encoder.encode(singles(["good film " * 40, "good film " * 40_000])).vectors
    assert short @ endless > 0.9999


def test_joint_pairs_have_one_vector_that_sees_order(make: Maker) -> None:
    encoder = make(pairs=PairMode.JOINT)
    there = encoder.encode(pairs())
    back = encoder.encode([Example(hypothesis, premise) for premise, hypothesis in PAIRS])
    assert there.vectors.shape == (len(PAIRS), encoder.dimension)
    np.testing.assert_allclose(np.linalg.norm(there.vectors, axis=1), 1.0, atol=1e-5)
    assert (there.vectors * back.vectors).sum(axis=1).max() < 0.99999


def test_joint_pairs_are_cut_longest_first(make: Maker) -> None:
    encoder = make(max_tokens=30)
    encoded = encoder.encode([Example("good film " * 50, "bad"), Example("good", "bad")])
    assert encoded.truncated.tolist() == [True, False]
    assert encoded.n_tokens[0] == 30
    other = encoder.encode([Example("good film " * 50, "dog")]).vectors[0]
    assert encoded.vectors[0] @ other < 0.999999, "the short side must survive"


def test_pair_features_are_made_of_the_sides(make: Maker) -> None:
    encoder = make(pairs=PairMode.FEATURES)
    encoded = encoder.encode(pairs())
    left = encoder.encode(singles([premise for premise, _ in PAIRS]))
    right = encoder.encode(singles([hypothesis for _, hypothesis in PAIRS]))
    p, h = left.vectors, right.vectors
    expected = np.concatenate([p, h, np.abs(p - h), p * h], axis=1)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(encoded.vectors, expected, atol=1e-5)
    np.testing.assert_array_equal(encoded.n_tokens, left.n_tokens + right.n_tokens)
    assert len(encoder.tokenize(pairs()).ids) == 2 * len(PAIRS)


def test_pair_features_flag_a_cut_on_either_side(make: Maker) -> None:
    encoder = make(pairs=PairMode.FEATURES, max_tokens=12)
    long = "the film was good and bad " * 20
    cut = encoder.encode([Example("bad", long), Example(long, "bad"), Example("bad", "bad")]).truncated
    assert cut.tolist() == [True, True, False]


@pytest.mark.parametrize("empty", ["", "  ", "\n\t", "\u3000"])
@pytest.mark.parametrize("pair", [False, True])
def test_empty_text_is_refused_with_its_position(encoder: Encoder, empty: str, pair: bool) -> None:
    bad = Example("good", empty) if pair else Example(empty)
    with pytest.raises(RowError, match="empty") as caught:
        encoder.tokenize([Example("good", "bad") if pair else Example("good"), bad])
    assert (caught.value.where, caught.value.row, caught.value.unit) == ("inputs", 1, "item")


def test_half_a_surrogate_pair_is_refused(encoder: Encoder) -> None:
    with pytest.raises(RowError, match="Unicode") as caught:
        encoder.tokenize(singles(["good", "bad", "broken \ud83d"]))
    assert caught.value.row == 2


def test_texts_and_pairs_are_not_mixed(encoder: Encoder) -> None:
    with pytest.raises(InputError, match="not both"):
        encoder.tokenize([Example("good"), Example("good", "bad")])


def test_warmup_changes_nothing(encoder: Encoder) -> None:
    before = encoder.encode(singles()).vectors
    encoder.warmup()
    np.testing.assert_array_equal(encoder.encode(singles()).vectors, before)


def test_fingerprint_is_stable_and_hexadecimal(make: Maker, encoder: Encoder) -> None:
    assert encoder.fingerprint == make().fingerprint
    assert len(bytes.fromhex(encoder.fingerprint)) == 32


@pytest.mark.parametrize(
    "change", [{"max_tokens": 99}, {"prefix": "query: "}, {"pairs": PairMode.FEATURES}, {"layer": 2}]
)
def test_fingerprint_sees_every_choice(make: Maker, encoder: Encoder, change: dict[str, object]) -> None:
    assert make(**change).fingerprint != encoder.fingerprint


def test_prefix_changes_the_vector(make: Maker, encoder: Encoder) -> None:
    same = (make(prefix="query: ").encode(singles()).vectors * encoder.encode(singles()).vectors).sum(axis=1)
    assert same.max() < 0.99999


@pytest.mark.parametrize("budget", [1, 40, 100_000])
def test_batching_changes_nothing(tiny: Path, budget: int) -> None:
    spec = EncoderSpec(str(tiny))
    usual = TransformersEncoder(spec).encode(singles() * 3).vectors
    other = TransformersEncoder(spec, token_budget=budget).encode(singles() * 3).vectors
    assert (usual * other).sum(axis=1).min() > 0.9999


def test_fingerprint_depends_on_content_and_not_on_place(tiny: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    other = make_tiny_xlmr(tmp_path / "other", seed=1)
    prints = [load_encoder(EncoderSpec(str(directory))).fingerprint for directory in (tiny, copy, other)]
    assert prints[0] == prints[1] != prints[2]
    tokenizer = copy / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text("utf-8") + "\n", "utf-8")
    assert load_encoder(str(copy)).fingerprint != prints[0]
