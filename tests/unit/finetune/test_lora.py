"""Adapters: what they train, how they are merged, and that a stopped run ends in the same weights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.support.finetuning import reviews, small, tune
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.derive import bundle_encoder
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.errors import OptionError
from xite_core.finetune.events import FineTuneEvent, Stage
from xite_core.finetune.head import Head
from xite_core.finetune.lora import Adapters
from xite_core.finetune.options import FineTuneOptions
from xite_core.finetune.schedule import AdamW
from xite_core.finetune.student import EncoderStudent, own_encoder
from xite_core.types import FloatArray

TARGET = reviews(40, "xx", labeled=False)
TEXTS = reviews(12)


@pytest.fixture
def peft() -> Any:
    return pytest.importorskip("peft", reason="peft is part of the extra 'lora'")


def student(tiny: TransformersEncoder, depth: str) -> EncoderStudent:
    options = FineTuneOptions(depth=depth, device="cpu", lora_rank=2)
    head = Head(np.zeros((2, tiny.dimension), np.float32), np.zeros(2, np.float32))
    return EncoderStudent(head, own_encoder(tiny, options), options, TEXTS, TARGET[:6])


def some_steps(learner: EncoderStudent, count: int = 4) -> None:
    parameters = learner.parameters()
    optimizer = AdamW(parameters, dict.fromkeys(parameters, 1e-2), 0.01, 1.0)
    rows, labels = np.arange(len(TEXTS)), torch.arange(len(TEXTS)) % 2
    learner.train()
    for _ in range(count):
        scores = learner.linear(learner.ends(rows, np.zeros(0, np.int64))[0])
        optimizer.step(torch.nn.functional.cross_entropy(scores, labels), 1.0)
    learner.encoder.model.eval()


def plain_weights(learner: EncoderStudent) -> dict[str, Tensor]:
    """The model's own weights, without adapters, by the names that they have without adapters."""
    found = learner.encoder.model.state_dict()
    return {name.replace(".base_layer", ""): value.clone() for name, value in found.items() if "lora_" not in name}


def vectors(learner: EncoderStudent) -> FloatArray:
    return learner.encoder.encode([*TEXTS, *TARGET]).vectors


def layer_of(name: str) -> int | None:
    return int(name.split("encoder.layer.")[1].split(".")[0]) if "encoder.layer." in name else None


@pytest.mark.parametrize(("depth", "layers"), [("top:1", {2}), ("top:2", {1, 2}), ("full", {0, 1, 2})])
@pytest.mark.usefixtures("peft")
def test_adapters_alone_are_trained_and_merged(depth: str, layers: set[int], tiny: TransformersEncoder) -> None:
    learner, before = student(tiny, depth), tiny.model.state_dict()
    names = [name for name in learner.parameters() if name.startswith("encoder.")]
    assert all("lora_" in name for name in names)
    assert {layer_of(name) for name in names} == layers
    assert np.abs(vectors(learner) - tiny.encode([*TEXTS, *TARGET]).vectors).max() < 1e-6

    some_steps(learner)
    frozen = plain_weights(learner)
    assert frozen.keys() == before.keys()
    assert all(torch.equal(frozen[name], value) for name, value in before.items())

    unmerged = vectors(learner)
    assert (unmerged * tiny.encode([*TEXTS, *TARGET]).vectors).sum(1).min() < 0.999
    learner.merge()
    assert (unmerged * vectors(learner)).sum(1).min() > 0.9999
    after = learner.encoder.model.state_dict()
    assert after.keys() == before.keys()
    changed = {layer_of(name) for name, value in before.items() if not torch.equal(after[name], value)}
    assert changed == layers
    assert [name for name in learner.parameters() if name.startswith("encoder.")] == []
    learner.merge()  # once more does nothing
    assert all(torch.equal(value, after[name]) for name, value in learner.encoder.model.state_dict().items())


@pytest.mark.usefixtures("peft")
def test_adapters_begin_by_the_seed_alone(tiny: TransformersEncoder) -> None:
    def start(draws: int, seed: int) -> dict[str, Tensor]:
        options = FineTuneOptions(depth="full", lora_rank=2, device="cpu", seed=seed)
        model = own_encoder(tiny, options).model
        torch.rand(draws)
        before = torch.get_rng_state()
        Adapters(model, [model], options)
        assert torch.equal(torch.get_rng_state(), before)
        return {name: value for name, value in model.state_dict().items() if "lora_A" in name}

    one, two, other = start(1, 7), start(3, 7), start(0, 8)
    assert len(one) == 18
    assert all(torch.equal(one[name], two[name]) and not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.usefixtures("peft")
def test_publishes_a_plain_encoder(
    tiny: TransformersEncoder, tiny_bundle: Bundle, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = small(depth="top:2", lora_rank=4, lr=5e-3, epochs=3, max_english_drop=1.0)
    result = tune(tiny_bundle, tmp_path / "w", home, options, encoder=tiny, target=TARGET)
    assert result.report["best_epoch"] > 0
    made = open_bundle(result.bundle.directory, full_check=True)
    assert made.manifest.fingerprint != tiny_bundle.manifest.fingerprint
    monkeypatch.setitem(sys.modules, "peft", None)
    encoder = bundle_encoder(made)
    (weights,) = encoder.directory.glob("*.safetensors")
    assert load_file(weights).keys() == tiny.model.state_dict().keys()
    assert not list(encoder.directory.glob("adapter*"))
    anchors = encoder.encode(made.anchors.examples.take(range(5))).vectors
    assert np.abs(anchors - made.anchors.vectors[:5]).max() < 1e-5


class CrashError(Exception):
    """Stands for a crash."""


@pytest.mark.parametrize(("stage", "nth"), [(Stage.TRAIN, 2), (Stage.REFRESH, 1), (Stage.PUBLISH, 2)])
@pytest.mark.usefixtures("peft")
def test_crashed_and_resumed(
    stage: Stage, nth: int, tiny: TransformersEncoder, tiny_bundle: Bundle, tmp_path: Path, home: Path
) -> None:
    options = small(depth="top:1", lora_rank=4, lr=5e-3, batch_size=32, max_english_drop=1.0)
    arguments: dict[str, Any] = {"encoder": tiny, "target": TARGET}
    calm = tune(tiny_bundle, tmp_path / "calm", home, options, revision="calm", **arguments)
    seen = 0

    def crash(event: FineTuneEvent) -> None:
        nonlocal seen
        seen += event.stage is stage
        if seen == nth:
            raise CrashError

    with pytest.raises(CrashError):
        tune(tiny_bundle, tmp_path / "work", home, options, progress=crash, checkpoint_seconds=0, **arguments)
    with safe_open(str(tmp_path / "work" / "checkpoint.safetensors"), framework="pt") as file:
        kept = [name for name in file.keys() if name.startswith("weights/encoder.")]  # noqa: SIM118
    assert len(kept) == 12
    assert all("lora_" in name for name in kept)
    again = tune(tiny_bundle, tmp_path / "work", home, options, **arguments)
    assert again.report["best_epoch"] > 0
    assert again.report["weights_sha256"] == calm.report["weights_sha256"]
    assert again.report["curve"] == calm.report["curve"]


def test_missing_peft_is_told_at_once(
    tiny: TransformersEncoder, tiny_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(OptionError, match=r"pip install 'xite-service\[lora\]'") as caught:
        tune(tiny_bundle, tmp_path / "w", tmp_path, small(depth="full", lora_rank=4), encoder=tiny, target=TARGET)
    assert caught.value.option == "lora_rank"
    assert not (tmp_path / "w").exists()


@pytest.mark.usefixtures("peft")
def test_parts_without_linear_maps_are_refused() -> None:
    model = nn.Sequential(nn.Embedding(4, 2))
    with pytest.raises(OptionError, match="no linear maps"):
        Adapters(model, [model], FineTuneOptions(depth="full", lora_rank=2))
