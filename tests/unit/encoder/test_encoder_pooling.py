from __future__ import annotations

import pytest
import torch

from xite_core.encoder import Pooling
from xite_core.encoder.pooling import pair_features, pool, unit


def test_mean_skips_padding() -> None:
    hidden = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]])
    pooled = pool(hidden, torch.tensor([[1, 1, 0]]), Pooling.MEAN)
    torch.testing.assert_close(pooled, torch.tensor([[0.5, 0.5]]) / 0.5**0.5)


def test_no_mask_is_a_mask_of_ones() -> None:
    hidden = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(1))
    ones = torch.ones(3, 5, dtype=torch.int64)
    torch.testing.assert_close(pool(hidden, None, Pooling.MEAN), pool(hidden, ones, Pooling.MEAN))


def test_cls_is_the_first_token() -> None:
    hidden = torch.tensor([[[3.0, 4.0], [7.0, 7.0]]])
    torch.testing.assert_close(pool(hidden, None, Pooling.CLS), torch.tensor([[0.6, 0.8]]))


@pytest.mark.parametrize("pooling", Pooling)
def test_a_zero_vector_stays_finite_and_has_a_gradient(pooling: Pooling) -> None:
    hidden = torch.zeros(1, 2, 3, requires_grad=True)
    pooled = pool(hidden, torch.tensor([[1, 0]]), pooling)
    pooled.sum().backward()
    assert pooled.detach().abs().sum() == 0
    assert hidden.grad is not None
    assert torch.isfinite(hidden.grad).all()


def test_pair_features_are_unit_and_four_times_as_long() -> None:
    generator = torch.Generator().manual_seed(2)
    p, h = unit(torch.randn(4, 6, generator=generator)), unit(torch.randn(4, 6, generator=generator))
    features = pair_features(p, h)
    assert features.shape == (4, 24)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(4))
    ratio = features[:, :6] / p
    torch.testing.assert_close(features[:, 18:], ratio[:, :1] * p * h)
