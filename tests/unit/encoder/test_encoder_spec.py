from __future__ import annotations

import json

import pytest

from xite_core.encoder import EncoderSpec, PairMode, Pooling
from xite_core.errors import OptionError


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"name": " "}, "name"),
        ({"pooling": "max"}, "pooling"),
        ({"pairs": "both"}, "pairs"),
        ({"layer": 1.5}, "layer"),
        ({"layer": True}, "layer"),
        ({"layer": 999}, "layer"),
        ({"max_tokens": 7}, "max_tokens"),
        ({"max_tokens": "128"}, "max_tokens"),
        ({"prefix": 3}, "prefix"),
        ({"prefix": "a\nb"}, "prefix"),
        ({"color": "red"}, "color"),
    ],
)
def test_a_wrong_value_names_its_option(change: dict[str, object], option: str) -> None:
    with pytest.raises(OptionError) as caught:
        EncoderSpec.from_dict({"name": "x", **change})
    assert caught.value.option == option


def test_strings_become_enums() -> None:
    spec = EncoderSpec.from_dict({"name": "x", "pooling": "cls", "pairs": "features"})
    assert spec.pooling is Pooling.CLS
    assert spec.pairs is PairMode.FEATURES


def test_the_name_is_required() -> None:
    with pytest.raises(OptionError, match="name"):
        EncoderSpec.from_dict({"pooling": "cls"})


@pytest.mark.parametrize("name", ["intfloat/multilingual-e5-small", "/models/Multilingual-E5-base"])
def test_multilingual_e5_is_prefixed_unless_told_otherwise(name: str) -> None:
    assert EncoderSpec(name).prefix == "query: "
    assert EncoderSpec(name, prefix="").prefix == ""
    assert EncoderSpec(name, prefix="passage: ").prefix == "passage: "
    assert EncoderSpec.from_dict({"name": name, "prefix": None}).prefix == "query: "


def test_other_encoders_have_no_prefix() -> None:
    assert EncoderSpec("xlm-roberta-base").prefix == ""


def test_as_dict_is_json_and_choices_leave_out_the_name() -> None:
    spec = EncoderSpec("x", layer=8)
    assert json.loads(json.dumps(spec.as_dict())) == {
        "name": "x",
        "pooling": "mean",
        "layer": 8,
        "pairs": "joint",
        "prefix": "",
        "max_tokens": 128,
    }
    assert "name" not in spec.choices()
