"""Interpolation: both ends, seeds, independence of the position."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xite_core.interpolation import draw_lambdas, lerp, unit
from xite_core.options import AugmentOptions
from xite_core.types import Example

RNG = np.random.default_rng(0)
SOURCE, TARGET = RNG.normal(size=(2, 6, 8)).astype(np.float32)


def test_lam_one_is_the_source_bit_for_bit() -> None:
    assert lerp(SOURCE, TARGET, np.ones(6, np.float32)).tobytes() == SOURCE.tobytes()


def test_lam_zero_is_the_target() -> None:
    assert np.array_equal(lerp(SOURCE, TARGET, np.zeros(6, np.float32)), TARGET)


@given(st.floats(0, 1, width=32))
def test_lerp_stays_between_its_ends(lam: float) -> None:
    mixed = lerp(SOURCE, TARGET, np.full(6, lam, np.float32))
    low, high = np.minimum(SOURCE, TARGET), np.maximum(SOURCE, TARGET)
    assert ((mixed >= low - 1e-6) & (mixed <= high + 1e-6)).all()


def test_unit_rows() -> None:
    assert np.allclose(np.linalg.norm(unit(SOURCE), axis=1), 1, atol=1e-6)
    assert np.array_equal(unit(np.zeros((1, 4), np.float32)), np.zeros((1, 4), np.float32))


EXAMPLES = [Example(f"text {i}") for i in range(20)]


def test_fixed_lam() -> None:
    assert (draw_lambdas(EXAMPLES, AugmentOptions(lam=0.25, n=3)) == np.float32(0.25)).all()


def test_beta_draws_follow_the_text_not_its_position() -> None:
    options = AugmentOptions(alpha=0.4, n=2, seed=11)
    whole = draw_lambdas(EXAMPLES, options)
    assert np.array_equal(draw_lambdas(EXAMPLES[::-1], options), whole[::-1])
    assert np.array_equal(draw_lambdas(EXAMPLES[5:9], options), whole[5:9])
    assert len(np.unique(whole)) == whole.size


def test_seeds_differ_and_reproduce() -> None:
    one, two = (draw_lambdas(EXAMPLES, AugmentOptions(alpha=1.0, seed=seed)) for seed in (1, 2))
    assert not np.array_equal(one, two)
    assert np.array_equal(one, draw_lambdas(EXAMPLES, AugmentOptions(alpha=1.0, seed=1)))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_beta_is_symmetric(alpha: float) -> None:
    examples = [Example(str(i)) for i in range(2000)]
    assert abs(draw_lambdas(examples, AugmentOptions(alpha=alpha)).mean() - 0.5) < 0.04
