"""Runs that move a (tiny) encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.finetuning import pairs, reviews, small, tune
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.derive import bundle_encoder
from xite_core.encoder.spec import PairMode
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.errors import EncoderMismatchError, OptionError
from xite_core.finetune.head import Head
from xite_core.finetune.options import FineTuneOptions
from xite_core.finetune.predictor import Predictor
from xite_core.finetune.student import EncoderStudent, own_encoder

TARGET = reviews(40, "xx", labeled=False)
TEST = reviews(40, "xx", seed=3)


@pytest.mark.parametrize(("depth", "dtype"), [("top:1", "float16"), ("full", "float32")])
def test_learns_and_publishes_the_encoder(
    depth: str, dtype: str, tiny: TransformersEncoder, tiny_bundle: Bundle, tmp_path: Path, home: Path
) -> None:
    before = {name: value.clone() for name, value in tiny.model.state_dict().items()}
    augment = tiny_bundle.options.replaced({"lam": 0.5})
    options = small(depth=depth, lr=2e-3, epochs=6, encoder_dtype=dtype, max_english_drop=1.0, augment=augment)
    result = tune(tiny_bundle, tmp_path / "w", home, options, encoder=tiny, target=TARGET, inputs={"target_test": TEST})
    curve = result.report["curve"]
    assert curve[-1]["loss"] < curve[0]["loss"]
    assert all((before[name] == value).all() for name, value in tiny.model.state_dict().items())
    made = open_bundle(result.bundle.directory, full_check=True)
    assert made.manifest.fingerprint != tiny_bundle.manifest.fingerprint
    encoder = bundle_encoder(made)
    anchors = encoder.encode(made.anchors.examples.take(range(5))).vectors
    assert np.abs(anchors - made.anchors.vectors[:5]).max() < 1e-5
    labels, _ = Predictor(made, encoder).predict(TEST)
    right = np.mean([label == example.label for label, example in zip(labels, TEST, strict=True)])
    assert right == pytest.approx(result.report["metrics"]["after"]["target"]["accuracy"])
    with pytest.raises(EncoderMismatchError):
        Predictor(made, tiny)
    again = tune(made, tmp_path / "w2", home, small(epochs=1), encoder=encoder, target=TARGET, revision="again").bundle
    assert again.manifest.fingerprint == made.manifest.fingerprint
    assert bundle_encoder(again).fingerprint == made.manifest.fingerprint


def test_pairs(pair_encoder: TransformersEncoder, pair_bundle: Bundle, tmp_path: Path, home: Path) -> None:
    unlabeled, test = pairs(30, "xx", 2, labeled=False), pairs(30, "xx", 3)
    options = small(depth="top:1", lr=1e-3, epochs=1, max_english_drop=1.0)
    result = tune(
        pair_bundle, tmp_path / "w", home, options, encoder=pair_encoder, target=unlabeled, inputs={"target_test": test}
    )
    english_epochs = int(pair_encoder.spec.pairs is PairMode.JOINT)
    assert len(result.report["curve"]) == 1 + english_epochs
    labels, _ = Predictor(result.bundle, bundle_encoder(result.bundle)).predict(test)
    assert len(labels) == 30


def student(tiny: TransformersEncoder, depth: str) -> EncoderStudent:
    options = FineTuneOptions(depth=depth, device="cpu")
    head = Head(np.zeros((2, tiny.dimension), np.float32), np.zeros(2, np.float32))
    return EncoderStudent(head, own_encoder(tiny, options), options, reviews(12), TARGET[:6])


def test_ends_are_the_encodings_in_their_order(tiny: TransformersEncoder) -> None:
    learner = student(tiny, "full")
    learner.encoder.token_budget = 40  # several batches
    anchors, targets = learner.ends(np.array([3, 3, 11, 0]), np.array([5]))
    rows = reviews(12)
    expected = tiny.encode([rows[3], rows[3], rows[11], rows[0]]).vectors
    assert np.abs(anchors.detach().numpy() - expected).max() < 1e-5
    assert np.abs(targets.detach().numpy() - tiny.encode(TARGET[5:6]).vectors).max() < 1e-5
    assert learner.ends(np.zeros(0, np.int64), np.array([1]))[0].shape == (0, tiny.dimension)


@pytest.mark.parametrize(("depth", "layers"), [("top:1", {2}), ("top:2", {1, 2}), ("full", {0, 1, 2})])
def test_only_the_upper_layers_are_trained(depth: str, layers: set[int], tiny: TransformersEncoder) -> None:
    learner = student(tiny, depth)
    names = [name for name in learner.parameters() if "encoder.layer." in name]
    assert {int(name.split("encoder.layer.")[1].split(".")[0]) for name in names} == layers
    assert any("embeddings" in name for name in learner.parameters()) == (depth == "full")
    learner.train()
    frozen = [layer.training for layer in learner.encoder.layers or []]
    assert frozen == [i in layers for i in range(3)]


def test_gradient_reaches_both_ends(tiny: TransformersEncoder) -> None:
    learner = student(tiny, "top:1")
    for rows in ((np.array([0]), np.zeros(0, np.int64)), (np.zeros(0, np.int64), np.array([0]))):
        source, target = learner.ends(*rows)
        (source.sum() + target.sum()).backward()
        gradients = [p.grad for name, p in learner.parameters().items() if name.startswith("encoder.")]
        assert any(g is not None and bool(g.abs().sum() > 0) for g in gradients)
        learner.encoder.model.zero_grad()


def test_depths_that_do_not_fit_are_refused(tiny: TransformersEncoder, tiny_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="top:3"):
        tune(tiny_bundle, tmp_path / "w", tmp_path, small(depth="top:4"), encoder=tiny, target=TARGET)
    if not torch.cuda.is_available():
        with pytest.raises(OptionError, match="no GPU"):
            tune(tiny_bundle, tmp_path / "w", tmp_path, small(depth="top:1", device="cuda"), encoder=tiny)
