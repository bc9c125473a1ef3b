"""Torch's interpolation and projection are NumPy's; gradients reach both ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.anchors import unit_rows
from xite_core.finetune.objective import mix, projection
from xite_core.finetune.schedule import AdamW, rate_factor
from xite_core.interpolation import lerp, unit
from xite_core.subspace import Subspaces, fit_subspace
from xite_core.types import SubspaceKind


def vectors(n: int, d: int = 10, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(n, d)) + 0.3)


def subspaces() -> Subspaces:
    codes = np.repeat(np.arange(3), 20)
    language = fit_subspace(vectors(60, seed=1), codes, ("a", "b", "c"))
    return Subspaces(language, fit_subspace(vectors(60, seed=2), codes % 2, ("x", "y")))


@pytest.mark.parametrize("kind", list(SubspaceKind))
def test_projection_is_that_of_the_subspaces(kind: SubspaceKind) -> None:
    both, rows = subspaces(), vectors(8, seed=3)
    found = projection(both, kind)(torch.from_numpy(rows)).numpy()
    assert np.abs(found - both.project(rows, kind)).max() < 1e-5


@pytest.mark.parametrize("normalize", [False, True])
def test_mix_is_lerp(normalize: bool) -> None:
    source, target = vectors(6, seed=4), vectors(6, seed=5)
    lam = np.array([0, 0.2, 0.5, 0.9, 1, 1], np.float32)
    expected = lerp(source, target, lam)
    found = mix(*map(torch.from_numpy, (source, target, lam)), normalize).numpy()
    assert np.abs(found - (unit(expected) if normalize else expected)).max() < 1e-6
    assert (found[4:] == source[4:]).all()


def test_gradient_passes_both_ends_and_the_projection() -> None:
    source, target = (torch.from_numpy(vectors(3, seed=s)).requires_grad_() for s in (6, 7))
    rich = projection(subspaces(), SubspaceKind.RICH)
    mix(source, rich(target), torch.full((3,), 0.5), True).sum().backward()
    assert source.grad is not None
    assert target.grad is not None
    assert source.grad.abs().sum() > 0
    assert target.grad.abs().sum() > 0


def test_schedule_rises_and_falls() -> None:
    factors = [rate_factor(step, 100, 0.1) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[9] == factors[10] == 1
    assert np.allclose(np.diff(factors[10:]), -1 / 90)
    assert factors[-1] == pytest.approx(1 / 90)
    assert rate_factor(0, 1, 0.0) == 1
    assert [rate_factor(step, 4, 1.0) for step in range(4)] == [0.25, 0.5, 0.75, 1]


def test_adamw_is_that_of_torch() -> None:
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Linear(5, 3) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    mine = AdamW(dict(ours.named_parameters()), {"weight": 0.1, "bias": 0.01}, 0.3, 0.5)
    oracle = torch.optim.AdamW(
        [
            {"params": [theirs.weight], "lr": 0.1, "weight_decay": 0.3},
            {"params": [theirs.bias], "lr": 0.01, "weight_decay": 0.0},
        ]
    )
    for step in range(20):
        x = torch.randn(4, 5, generator=torch.Generator().manual_seed(step))
        mine.step((ours(x) ** 2).sum(), 0.5)
        oracle.zero_grad()
        (theirs(x) ** 2).sum().backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        for group, peak in zip(oracle.param_groups, (0.1, 0.01), strict=True):
            group["lr"] = 0.5 * peak
        oracle.step()
    assert torch.allclose(ours.weight, theirs.weight, atol=1e-6)
    assert torch.allclose(ours.bias, theirs.bias, atol=1e-6)
