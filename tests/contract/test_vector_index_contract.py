"""What every VectorIndex adapter keeps, against a NumPy oracle in float64."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np
import pytest

from xite_core.errors import InputError, OptionError
from xite_core.index.build import build_index, open_index, recall
from xite_core.index.faiss_index import ApproximateIndex, FlatIndex
from xite_core.index.labeled import gate_queries
from xite_core.index.numpy_index import NumpyIndex
from xite_core.index.protocol import VectorIndex
from xite_core.index.vectors_file import VectorWriter, open_vectors
from xite_core.types import IndexKind

N, D, LANGUAGES = 3000, 24, 3
EXACT = ("numpy", "flat")
ALL = (*EXACT, "hnsw", "ivf_sq8")


def anisotropic_rows(n: int = N, seed: int = 0) -> np.ndarray:
    """Unit vectors with a large common part, then hubness columns: as real anchors are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(40, D))
    vectors = centres[rng.integers(0, 40, n)] + 0.7 * rng.normal(size=(n, D)) + 1.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hubness = 0.6 + 0.1 * rng.normal(size=(n, 1)) + 0.02 * rng.normal(size=(n, LANGUAGES))
    return np.hstack([vectors, hubness]).astype(np.float32)


def oracle(rows: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    products = (queries.astype(np.float64) @ rows.T.astype(np.float64)).astype(np.float32)
    order = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(products, order, 1), order


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "vectors.safetensors"
    with VectorWriter(path, D + LANGUAGES) as writer:
        writer.add(anisotropic_rows())
    return path


@pytest.fixture(scope="module", params=ALL)
def index(request: pytest.FixtureRequest, stored: Path) -> VectorIndex:
    rows = open_vectors(stored)
    kind = IndexKind.FLAT if request.param in EXACT else IndexKind(request.param)
    directory = stored.parent / request.param
    directory.mkdir()
    report = build_index(rows, directory, kind, queries=gate_queries(rows, D, 0))
    assert report.kind is kind
    assert report.recall >= 0.95
    return open_index(directory, rows, exact=request.param == "numpy")


@pytest.fixture(scope="module")
def rows(stored: Path) -> np.ndarray:
    return open_vectors(stored)


@pytest.fixture(scope="module")
def queries(rows: np.ndarray) -> np.ndarray:
    return gate_queries(rows, D, seed=1)[:100]


def test_it_knows_its_size(index: VectorIndex) -> None:
    assert (index.ntotal, index.dimension) == (N, D + LANGUAGES)


def test_shapes_dtypes_and_order(index: VectorIndex, queries: np.ndarray) -> None:
    scores, found = index.search(queries, 10)
    assert scores.shape == found.shape == (len(queries), 10)
    assert scores.dtype == np.float32
    assert found.dtype == np.int64
    assert (np.diff(scores, axis=1) <= 0).all()
    assert all(len(set(row)) == 10 for row in found.tolist())


def test_scores_are_the_inner_products_of_the_rows_it_names(
    index: VectorIndex, rows: np.ndarray, queries: np.ndarray
) -> None:
    scores, found = index.search(queries, 5)
    expected = np.einsum("mkd,md->mk", rows[found].astype(np.float64), queries.astype(np.float64))
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_recall_against_the_oracle(index: VectorIndex, rows: np.ndarray, queries: np.ndarray) -> None:
    scores, found = index.search(queries, 10)
    true_scores, true = oracle(rows, queries, 10)
    if isinstance(index, ApproximateIndex):
        assert recall(found, true) >= 0.93
    else:
        np.testing.assert_array_equal(found, true)
        np.testing.assert_allclose(scores, true_scores, atol=1e-6)


def test_one_search_serves_cosine_and_csls_of_every_language(rows: np.ndarray) -> None:
    unit = gate_queries(rows, D, 5)[1::2, :D][:20]
    index = FlatIndex(rows)
    for language in range(LANGUAGES):
        query = np.zeros((20, D + LANGUAGES), np.float32)
        query[:, :D], query[:, D + language] = 2 * unit, -1
        wanted = np.argsort(-(2 * unit @ rows[:, :D].T - rows[:, D + language]), axis=1)[:, :5]
        assert recall(index.search(query, 5)[1], wanted) == 1.0


def test_a_query_alone_or_in_a_batch_gives_the_same_bits(index: VectorIndex, queries: np.ndarray) -> None:
    scores, found = index.search(queries, 8)
    for i in range(0, 100, 25):
        alone_scores, alone = index.search(queries[i : i + 1], 8)
        np.testing.assert_array_equal(alone[0], found[i])
        np.testing.assert_array_equal(alone_scores[0], scores[i])


def test_the_callers_array_is_left_alone(index: VectorIndex, queries: np.ndarray) -> None:
    mine = 3 * queries[:7]
    before = mine.copy()
    index.search(mine, 4)
    np.testing.assert_array_equal(mine, before)
    mine.flags.writeable = False
    index.search(mine, 4)


def test_a_strided_query_is_understood(index: VectorIndex, queries: np.ndarray) -> None:
    wide = np.hstack([queries, queries])[:, : D + LANGUAGES]
    np.testing.assert_array_equal(index.search(wide, 3)[1], index.search(queries, 3)[1])


@pytest.mark.parametrize("k", [0, -1, N + 1])
def test_k_out_of_range_is_refused_not_clipped(index: VectorIndex, queries: np.ndarray, k: int) -> None:
    with pytest.raises(OptionError, match=r"k=.*from 1 to 3000"):
        index.search(queries, k)


def test_k_may_be_the_whole_index(index: VectorIndex, rows: np.ndarray, queries: np.ndarray) -> None:
    scores, found = index.search(queries[:2], N)
    assert (np.sort(found, axis=1) == np.arange(N)).all()
    np.testing.assert_allclose(scores, oracle(rows, queries[:2], N)[0], atol=1e-6)


def test_no_queries_give_no_rows(index: VectorIndex) -> None:
    scores, found = index.search(np.empty((0, D + LANGUAGES), np.float32), 3)
    assert scores.shape == found.shape == (0, 3)


@pytest.mark.parametrize("shape", [(D + LANGUAGES,), (2, D), (1, 2, 3)])
def test_another_shape_is_refused(index: VectorIndex, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="shape"):
        index.search(np.zeros(shape, np.float32), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_query_that_is_no_number_is_refused(index: VectorIndex, queries: np.ndarray, value: float) -> None:
    bad = queries[:2].copy()
    bad[1, 3] = value
    with pytest.raises(InputError, match="NaN or infinity"):
        index.search(bad, 1)


@pytest.mark.parametrize("adapter", [NumpyIndex, FlatIndex])
def test_equal_rows_come_in_the_order_of_their_numbers(adapter: Callable[[np.ndarray], VectorIndex]) -> None:
    rows = np.tile(anisotropic_rows(50), (4, 1))
    scores, found = adapter(rows).search(rows[:6], 4)
    assert (found == found[:, :1] + [0, 50, 100, 150]).all()
    assert (scores == scores[:, :1]).all()


def _search_in_a_process(directory: Path, stored: Path, queries: np.ndarray) -> tuple[list[list[int]], bool]:
    rows = open_vectors(stored)
    return open_index(directory, rows).search(queries, 5)[1].tolist(), rows.flags.writeable


@pytest.fixture(scope="module")
def processes() -> Iterator[Pool]:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        yield pool


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf_sq8"])
def test_many_processes_open_one_index(
    kind: str, stored: Path, rows: np.ndarray, queries: np.ndarray, processes: Pool
) -> None:
    directory = stored.parent / f"shared-{kind}"
    directory.mkdir()
    build_index(rows, directory, IndexKind(kind), min_recall=0.5)
    here = open_index(directory, rows).search(queries[:10], 5)[1].tolist()
    jobs = [processes.apply_async(_search_in_a_process, (directory, stored, queries[:10])) for _ in range(2)]
    assert [job.get(120) for job in jobs] == [(here, False)] * 2
