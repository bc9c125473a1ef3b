"""Vectors without their language's mean, and heads that enter and leave that place."""

from __future__ import annotations

import numpy as np
import pytest

from xite_core.finetune.centring import Place, by_language
from xite_core.finetune.head import Head
from xite_core.interpolation import unit
from xite_core.types import FloatArray


def some(seed: int, offset: float = 0.0) -> FloatArray:
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(200, 8)).astype(np.float32) + np.float32(offset))


HEAD = Head(np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32), np.array([1, -2, 0.5], np.float32))


def test_centred_vectors_have_unit_length_and_hardly_any_mean() -> None:
    centred = Place.of(some(1, 1.0)).centred(some(1, 1.0))
    assert np.linalg.norm(centred, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.abs(centred.mean(0)).max() < 0.2 * np.abs(some(1, 1.0).mean(0)).max()


def test_a_head_that_enters_and_leaves_is_the_same() -> None:
    place = Place.of(some(1, 1.0))
    back = place.leave(place.enter(HEAD))
    assert back.weight == pytest.approx(HEAD.weight, abs=1e-5)
    assert back.bias == pytest.approx(HEAD.bias, abs=1e-5)


def test_the_head_that_entered_scores_centred_vectors_as_the_head_scores_plain_ones() -> None:
    vectors = some(2, 1.0)
    place = Place.of(vectors)
    lengths = np.linalg.norm(vectors - place.mean, axis=1, keepdims=True)
    exact = ((vectors - place.mean) / lengths * place.spread) @ HEAD.weight.T + HEAD.bias + HEAD.weight @ place.mean
    assert place.enter(HEAD).scores(place.centred(vectors)) == pytest.approx(exact, abs=1e-4)


def test_each_language_loses_its_own_mean() -> None:
    both = np.concatenate([some(3, 1.0), some(4, -1.0)])
    centred = by_language(both, ["ko"] * 200 + ["ar"] * 200)
    for rows, seed, offset in ((slice(0, 200), 3, 1.0), (slice(200, 400), 4, -1.0)):
        assert centred[rows] == pytest.approx(Place.of(some(seed, offset)).centred(some(seed, offset)))


def test_a_language_of_few_texts_loses_the_mean_of_all() -> None:
    both = np.concatenate([some(3, 1.0), some(4, 1.0)[:1]])
    centred = by_language(both, ["ko"] * 200 + ["ar"])
    assert centred[-1] == pytest.approx(Place.of(both).centred(both)[-1])
    assert np.linalg.norm(centred[-1]) == pytest.approx(1, abs=1e-5)
