from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from xite_core.encoder import EncoderSpec, HashingEncoder, PairMode
from xite_core.errors import OptionError
from xite_core.types import Example

GOLDEN_BUCKETS = [3, 4, 14, 15, 17, 19]
GOLDEN_VALUES = [0.09667365, -0.19334731, 0.09667365, 0.09667365, -0.09667365, 0.09667365]
GOLDEN_FINGERPRINT = "a6c86886d3f2dbf7"


def vectors(*texts: str) -> np.ndarray:
    return HashingEncoder().encode([Example(text) for text in texts]).vectors


def test_golden_vector() -> None:
    vector = vectors("Die Straße ist lang. 영화가 좋아요")[0]
    filled = np.flatnonzero(vector)
    assert filled[:6].tolist() == GOLDEN_BUCKETS
    np.testing.assert_allclose(vector[filled[:6]], GOLDEN_VALUES, atol=1e-6)


def test_golden_fingerprint() -> None:
    assert HashingEncoder().fingerprint.startswith(GOLDEN_FINGERPRINT)


def test_shared_words_bring_texts_closer() -> None:
    good, similar, other = vectors("the film was very good", "a very good film", "그 식당은 별로였다")
    assert good @ similar > 0.4
    assert abs(good @ other) < 0.2


@pytest.mark.parametrize(
    ("one", "two"), [("STRASSE", "straße"), ("ﬁlm", "film"), ("Ａ１", "a1"), ("가", "가"), (" a \n b", "a b")]
)
def test_unicode_variants_are_one_text(one: str, two: str) -> None:
    first, second = vectors(one, two)
    np.testing.assert_array_equal(first, second)


def test_a_chunk_boundary_changes_nothing() -> None:
    texts = [f"text number {i}" for i in range(2050)]
    np.testing.assert_array_equal(
        vectors(*texts)[[0, 1023, 1024, 2049]], vectors(*(texts[i] for i in (0, 1023, 1024, 2049)))
    )


def test_one_character_has_a_vector() -> None:
    np.testing.assert_allclose(np.linalg.norm(vectors("a", "가", "👍"), axis=1), 1.0, atol=1e-6)


def test_joint_cut_keeps_the_short_side() -> None:
    encoder = HashingEncoder(EncoderSpec("hashing", max_tokens=21))
    tokenized = encoder.tokenize([Example("x" * 50, "abc"), Example("abc", "x" * 50), Example("x" * 50, "y" * 50)])
    assert [row.count(1) for row in tokenized.type_ids] == [3, 17, 10]
    assert tokenized.n_tokens.tolist() == [21, 21, 21]


def test_dimension_is_checked_and_counts() -> None:
    with pytest.raises(OptionError, match="dimension"):
        HashingEncoder(dimension=3)
    encoder = HashingEncoder(EncoderSpec("hashing", pairs=PairMode.FEATURES), dimension=64)
    assert encoder.encode([Example("a", "b")]).vectors.shape == (1, 256)
    assert encoder.fingerprint != HashingEncoder(EncoderSpec("hashing", pairs=PairMode.FEATURES)).fingerprint


def test_neither_registry_nor_hashing_imports_torch() -> None:
    code = (
        "import sys; from xite_core.encoder import load_encoder, list_encoders; from xite_core.types import Example; "
        "load_encoder('hashing').encode([Example('a')]); list_encoders(); "
        "print([m for m in ('torch', 'transformers', 'tokenizers', 'huggingface_hub') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
