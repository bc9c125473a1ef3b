"""Hyper-parameters are checked when made, by name."""

from __future__ import annotations

import math
from typing import Any

import pytest

from xite_core.errors import OptionError
from xite_core.finetune.options import FineTuneOptions
from xite_core.options import AugmentOptions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth", "top:0"),
        ("depth", "top"),
        ("depth", "heads"),
        ("depth", 2),
        ("epochs", 0),
        ("epochs", 1.5),
        ("epochs", True),
        ("epochs", None),
        ("batch_size", 0),
        ("lr", 0.0),
        ("lr", math.nan),
        ("lr", "1e-3"),
        ("lora_rank", 8),  # at depth head
        ("replay", 1.01),
        ("replay", -0.1),
        ("fraction", 0.0),
        ("warmup", math.inf),
        ("clip_norm", 0.0),
        ("weight_decay", -1.0),
        ("patience", -1),
        ("english_epochs", -1),
        ("max_english_drop", 2.0),
        ("seed", -1),
        ("encoder_dtype", "int8"),
        ("device", "tpu"),
        ("normalize", 1),
        ("balance", "yes"),
        ("augment", {"k": 4}),
    ],
)
def test_bad_values_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(OptionError) as caught:
        FineTuneOptions(**{name: value})
    assert caught.value.option == name


@pytest.mark.parametrize("value", [0, 257, 8.0, True, "8"])
@pytest.mark.parametrize("depth", ["top:2", "full"])
def test_ranks_out_of_range_are_refused(depth: str, value: Any) -> None:
    with pytest.raises(OptionError, match="1 to 256") as caught:
        FineTuneOptions(depth=depth, lora_rank=value)
    assert caught.value.option == "lora_rank"


def test_adapters_have_a_higher_rate() -> None:
    for depth in ("top:2", "full"):
        assert FineTuneOptions(depth=depth, lora_rank=4).rate > FineTuneOptions(depth=depth).rate
        assert FineTuneOptions(depth=depth, lora_rank=4, lr=0.5).rate == 0.5


def test_json_round_trip() -> None:
    options = FineTuneOptions(depth="top:3", augment=AugmentOptions(k=4, lam=0.3), lr=1e-4, lora_rank=16)
    assert FineTuneOptions.from_dict(options.as_dict()) == options
    assert FineTuneOptions.from_dict({"lr": None, "epochs": None}) == FineTuneOptions()


def test_unknown_names_are_refused() -> None:
    with pytest.raises(OptionError, match="learning_rate"):
        FineTuneOptions.from_dict({"learning_rate": 1.0})
    with pytest.raises(OptionError, match="lamda"):
        FineTuneOptions.from_dict({"augment": {"lamda": 1.0}})


def test_depths() -> None:
    head, top, full = (FineTuneOptions(depth=depth) for depth in ("head", "top:12", "full"))
    assert [o.moves_encoder for o in (head, top, full)] == [False, True, True]
    assert [o.top_layers for o in (head, top, full)] == [None, 12, None]
    assert head.rate > top.rate > full.rate
    assert FineTuneOptions(lr=0.5).rate == 0.5


def test_english_per_batch() -> None:
    assert [FineTuneOptions(replay=r, batch_size=10).english_per_batch for r in (0.0, 0.25, 0.5, 1.0)] == [0, 2, 5, 10]
