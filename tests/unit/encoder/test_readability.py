"""Texts in a script that the vocabulary lacks are told from those that it holds."""

from __future__ import annotations

import numpy as np
import pytest

from xite_core.encoder import Encoder, EncoderSpec, PairMode, load_encoder
from xite_core.types import Encoded, Example

READABLE = {
    "ko": "배송이 빨라서 좋았어요",
    "ar": "المنتج ممتاز وأنصح به",
    "ur": "یہ کتاب بہت اچھی ہے",
    "hi": "यह फ़ोन बहुत अच्छा है",
    "am": "ይህ ፊልም ጥሩ ነው",
    "th": "หนังเรื่องนี้ดีมาก",
    "signs": "10/10 !!! 😀",
    "one odd word": "the film ქართული is good",
    "rare syllables of a script that it holds": "쩝. 걍... 퉤퉤퉤",
}
UNREADABLE = {
    "georgian": "ძალიან კარგი ფილმი იყო!",
    "georgian with signs": "კარგი !!! ... 2024",
    "burmese": "ဒီရုပ်ရှင် ကောင်းတယ်",
    "khmer": "ភាពយន្តល្អណាស់ ១០",
    "hieroglyphs": "𓀀𓀁𓂀",
    "invisible": "\u200b\ufeff",
}


@pytest.fixture(scope="module")
def embedded() -> Encoder:
    return load_encoder("xite-mini")


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE.keys())
def test_readable(embedded: Encoder, text: str) -> None:
    assert not embedded.tokenize([Example(text)]).unreadable.any()


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_unreadable(embedded: Encoder, text: str) -> None:
    assert embedded.tokenize([Example(text)]).unreadable.all()


@pytest.mark.parametrize("mode", PairMode)
def test_a_pair_is_as_readable_as_its_worse_side(mode: PairMode) -> None:
    encoder = load_encoder(EncoderSpec("xite-mini", pairs=mode))
    long = "It is a good film about a man who goes to sea and never comes back again, and I liked it very much."
    pairs = [
        Example(long, "კარგი"),
        Example("კარგი ფილმი იყო", long),
        Example(long, "\u200b"),
        Example(long, "b"),
        Example("ი!", "რ?"),
        Example("10", "12 !!!"),
    ]
    assert encoder.tokenize(pairs).unreadable.tolist() == [True, True, True, False, True, False]


@pytest.mark.parametrize("mode", PairMode)
def test_a_prefix_hides_nothing(mode: PairMode) -> None:
    encoder = load_encoder(EncoderSpec("xite-mini", pairs=mode, prefix="query: "))
    texts = [Example(text) for text in ("კარგი", "ძალიან კარგი", "좋아요", "query: ?")]
    assert encoder.tokenize(texts).unreadable.tolist() == [True, True, False, False]
    pairs = [Example("a good film", "კარგი"), Example("კარგი", "a good film"), Example("good", "bad")]
    assert encoder.tokenize(pairs).unreadable.tolist() == [True, True, False]


def test_parts_and_wholes_keep_it(embedded: Encoder) -> None:
    encoded = embedded.encode([Example("good"), Example("კარგი"), Example("bad")])
    assert encoded.unreadable.tolist() == [False, True, False]
    parts = [encoded.part(slice(0, 2)), encoded.part(slice(2, 3))]
    joined = Encoded.joined(parts)
    assert joined.unreadable.tolist() == encoded.unreadable.tolist()
    assert np.array_equal(joined.vectors, encoded.vectors)
    assert [part.unreadable.tolist() for part in parts] == [[False, True], [False]]
