"""The projector's algebra, and the LDA's two uses."""

from __future__ import annotations

import numpy as np
import pytest

from xite_core.errors import InputError
from xite_core.subspace import Subspace, Subspaces, fit_subspace
from xite_core.types import SubspaceKind


def clustered(n_classes: int, per_class: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around class means, with anisotropic noise as real embeddings have."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n_classes * per_class, d)) * np.geomspace(1, 0.02, d)
    codes = np.repeat(np.arange(n_classes), per_class)
    vectors = noise + 0.3 * rng.normal(size=(n_classes, d))[codes] * np.geomspace(1, 0.02, d)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), codes


@pytest.fixture(params=[(2, 64, 16), (5, 60, 24), (18, 40, 48)], ids=str)
def subspace(request: pytest.FixtureRequest) -> Subspace:
    n_classes, per_class, d = request.param
    vectors, codes = clustered(n_classes, per_class, d)
    return fit_subspace(vectors, codes, tuple(f"l{i}" for i in range(n_classes)))


def test_projector_is_idempotent(subspace: Subspace) -> None:
    p = subspace.projector
    assert np.abs(p @ p - p).max() < 1e-9


def test_rank_is_the_number_of_classes_less_one(subspace: Subspace) -> None:
    expected = len(subspace.classes) - 1
    assert subspace.rank == expected
    assert np.linalg.matrix_rank(subspace.projector, tol=1e-8) == expected
    assert expected < subspace.mean.size


def test_rank_is_bounded_by_the_dimension() -> None:
    vectors, codes = clustered(6, 30, 3)
    assert fit_subspace(vectors, codes, tuple("abcdef")).rank == 3


def test_scalings_whiten_the_within_class_scatter(subspace: Subspace) -> None:
    # the carrier spans S_w W, so W^T S_w W = I means that W^T A and Q^T A are consistent
    assert np.allclose(subspace.basis.T @ subspace.carrier, np.eye(subspace.rank), atol=1e-9)


def test_class_mean_differences_lie_in_the_range_of_the_projector(subspace: Subspace) -> None:
    differences = subspace.means - subspace.mean
    assert np.allclose(differences @ subspace.projector.T, differences, atol=1e-8)


def test_rich_and_neutral_add_up(subspace: Subspace) -> None:
    vectors = clustered(2, 10, subspace.mean.size, seed=3)[0]
    total = subspace.rich(vectors) + subspace.neutral(vectors)
    assert np.allclose(total, vectors + subspace.mean, atol=1e-5)


def test_neutral_removes_the_class_means(subspace: Subspace) -> None:
    neutral = subspace.neutral(subspace.means.astype(np.float32))
    assert np.ptp(neutral, axis=0).max() < 1e-5


def test_rich_is_idempotent_on_vectors(subspace: Subspace) -> None:
    once = subspace.rich(clustered(2, 10, subspace.mean.size, seed=4)[0])
    assert np.allclose(subspace.rich(once), once, atol=1e-5)


def test_prediction_finds_the_class() -> None:
    vectors, codes = clustered(4, 200, 32)
    subspace = fit_subspace(vectors[::2], codes[::2], tuple("abcd"))
    assert (subspace.predict(vectors[1::2]) == codes[1::2]).mean() > 0.7


def test_prediction_matches_the_mahalanobis_oracle() -> None:
    vectors, codes = clustered(4, 100, 12)
    subspace = fit_subspace(vectors, codes, tuple("abcd"))
    scaled = vectors.astype(np.float64) @ subspace.scalings
    centres = subspace.means @ subspace.scalings
    oracle = ((scaled[:, None] - centres[None]) ** 2).sum(2).argmin(1)
    assert (subspace.predict(vectors) == oracle).all()


@pytest.mark.parametrize("kind", list(SubspaceKind))
def test_every_kind_projects(kind: SubspaceKind, subspace: Subspace) -> None:
    vectors = clustered(2, 5, subspace.mean.size)[0]
    out = Subspaces(subspace, subspace).project(vectors, kind)
    assert out.shape == vectors.shape
    assert out.dtype == np.float32
    if kind is SubspaceKind.NONE:
        assert out is vectors


def test_too_few_vectors_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="b: 1"):
        fit_subspace(np.eye(4, dtype=np.float32), np.array([0, 0, 0, 1]), ("a", "b"))
