"""The English head against scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tests.support.anchors import unit_rows
from xite_core.errors import BundleDamagedError
from xite_core.finetune.head import STRENGTHS, Head, fit_head, fit_logistic, read_head
from xite_core.index.vectors_file import write_matrices
from xite_core.lexicon import BUCKETS, Lexicon


def blobs(n: int, classes: int, d: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.integers(classes, size=n)
    centres = np.random.default_rng(99).normal(size=(classes, d))
    return unit_rows(centres[codes] + 1.5 * rng.normal(size=(n, d))), codes


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("strength", [1.0, 100.0])
def test_same_optimum_as_sklearn(classes: int, strength: float) -> None:
    vectors, codes = blobs(300, classes)
    head = fit_logistic(vectors, codes, classes, strength)
    oracle = LogisticRegression(C=strength, tol=1e-8, max_iter=2000)
    if classes == 2:  # sklearn has one row of weights there, whose penalty is twice that of two opposite halves
        oracle.C = 2 * strength
    probabilities = oracle.fit(vectors, codes).predict_proba(vectors)
    assert np.abs(head.probabilities(vectors) - probabilities).max() < 2e-3


def test_regulariser_is_the_one_that_held_out_rows_like_best() -> None:
    train, held_out = blobs(120, 3), blobs(300, 3, seed=1)
    head, strength = fit_head(*train, held_out, 3)
    losses = {}
    for c in STRENGTHS:
        likely = fit_logistic(*train, 3, c).probabilities(held_out[0])[np.arange(300), held_out[1]]
        losses[c] = -np.log(likely).mean()
    assert strength == min(losses, key=losses.__getitem__)
    assert (head.predict(held_out[0]) == held_out[1]).mean() > 0.5


def test_poll_can_stop_a_fit() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_logistic(*blobs(50, 2), 2, 1.0, poll=stop)


def test_file_round_trip_and_damage(tmp_path: Path) -> None:
    head = Head(np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(2, np.float32))
    head.write(tmp_path / "head.safetensors")
    same = read_head(tmp_path / "head.safetensors")
    assert (same.weight == head.weight).all()
    assert (same.bias == head.bias).all()
    write_matrices(tmp_path / "other.safetensors", {"weight": head.weight})
    with pytest.raises(BundleDamagedError, match="bias"):
        read_head(tmp_path / "other.safetensors")
    write_matrices(tmp_path / "shape.safetensors", {"weight": head.weight, "bias": np.ones(3, np.float32)})
    with pytest.raises(BundleDamagedError, match="shapes"):
        read_head(tmp_path / "shape.safetensors")


def test_a_head_with_lexicon_and_turn_is_read_back_and_a_wrong_turn_is_refused(tmp_path: Path) -> None:
    weight = np.zeros((2, 3), np.float32)
    lexicon = Lexicon(np.zeros((BUCKETS, 2), np.float32), np.ones(2, np.float32))
    Head(weight, weight[:, 0], lexicon, weight + 1).write(tmp_path / "head.safetensors")
    same = read_head(tmp_path / "head.safetensors")
    assert same.turn is not None
    assert same.lexicon is not None
    assert (same.turn == 1).all()
    assert (same.lexicon.bias == 1).all()
    Head(weight, weight[:, 0], lexicon, weight[:, :2]).write(tmp_path / "other.safetensors")
    with pytest.raises(BundleDamagedError, match="turn"):
        read_head(tmp_path / "other.safetensors")
