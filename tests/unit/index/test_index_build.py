"""The choice of a structure, its gate and its report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from xite_core.errors import BundleDamagedError, BundleVersionError
from xite_core.index import build as module
from xite_core.index.build import IndexReport, build_index, choose_kind, open_index, read_report, sample_queries
from xite_core.index.faiss_index import ApproximateIndex, FlatIndex, efforts, n_lists
from xite_core.index.numpy_index import NumpyIndex
from xite_core.types import IndexKind


def rows(n: int = 2000, dimension: int = 16, seed: int = 0) -> np.ndarray:
    """Rows in clusters, without which inverted lists are of no use."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(30, dimension))
    return (centres[rng.integers(0, 30, n)] + 0.5 * rng.normal(size=(n, dimension)) + 1).astype(np.float32)


def test_the_size_decides() -> None:
    assert choose_kind(99_999) is IndexKind.FLAT
    assert choose_kind(100_000) is IndexKind.IVF_SQ8


def test_flat_keeps_no_second_copy_of_the_vectors(tmp_path: Path) -> None:
    report = build_index(rows(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.json"]
    assert report == IndexReport(IndexKind.FLAT, IndexKind.AUTO, 2000, 16, 0, 1.0, None, 0)
    assert read_report(tmp_path) == report
    matrix = rows()
    index = open_index(tmp_path, matrix)
    assert isinstance(index, FlatIndex)
    assert index.matrix is matrix


@pytest.mark.parametrize("kind", [IndexKind.IVF_SQ8, IndexKind.HNSW])
def test_the_gate_raises_the_effort_until_the_recall_is_met(tmp_path: Path, kind: IndexKind) -> None:
    report = build_index(rows(), tmp_path, kind, min_recall=0.99)
    assert report.kind is kind
    assert report.recall >= 0.99
    assert report.effort in efforts(kind, 2000)
    assert isinstance(open_index(tmp_path, rows()), ApproximateIndex)
    assert read_report(tmp_path) == report


@pytest.mark.parametrize("kind", [IndexKind.IVF_SQ8, IndexKind.HNSW])
def test_a_structure_that_misses_the_gate_gives_way_to_flat(tmp_path: Path, kind: IndexKind) -> None:
    report = build_index(rows(500), tmp_path, kind, min_recall=1.1)
    assert report.kind is IndexKind.FLAT
    assert report.requested is kind
    assert report.missed is not None
    assert report.missed <= 1.0
    assert not (tmp_path / "index.faiss").exists()


def test_automatic_inverted_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLAT_BELOW", 1000)
    report = build_index(rows(), tmp_path)
    assert (report.requested, report.kind) == (IndexKind.AUTO, IndexKind.IVF_SQ8)


def test_the_same_seed_builds_the_same_lists(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        build_index(rows(), tmp_path / name, IndexKind.IVF_SQ8, seed=3)
        contents.append((tmp_path / name / "index.faiss").read_bytes())
    assert contents[0] == contents[1]


def test_rows_are_not_changed_and_progress_is_told(tmp_path: Path) -> None:
    matrix, told = rows(), []
    matrix.flags.writeable = False
    build_index(matrix, tmp_path, IndexKind.IVF_SQ8, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (2000, 2000)


def test_few_rows_still_train(tmp_path: Path) -> None:
    for n in (1, 3, 50):
        report = build_index(rows(n), tmp_path, IndexKind.IVF_SQ8)
        found = open_index(tmp_path, rows(n)).search(rows(n)[:1], 1)[1]
        assert report.recall >= 0.95
        assert found.shape == (1, 1)


def test_no_rows_are_flat(tmp_path: Path) -> None:
    assert build_index(rows(0), tmp_path, IndexKind.HNSW).kind is IndexKind.FLAT
    assert open_index(tmp_path, rows(0)).ntotal == 0


def test_exact_opens_numpy(tmp_path: Path) -> None:
    build_index(rows(), tmp_path, IndexKind.HNSW)
    assert isinstance(open_index(tmp_path, rows(), exact=True), NumpyIndex)


def test_lists_that_hold_too_few_rows_are_completed_exactly(tmp_path: Path) -> None:
    build_index(rows(), tmp_path, IndexKind.IVF_SQ8)
    index = open_index(tmp_path, rows())
    assert isinstance(index, ApproximateIndex)
    index.effort = 1
    scores, found = index.search(rows()[:5], 1500)
    exact = FlatIndex(rows()).search(rows()[:5], 1500)
    np.testing.assert_array_equal(found, exact[1])
    np.testing.assert_array_equal(scores, exact[0])


def test_list_counts() -> None:
    assert n_lists(1_000_000) == 4000
    assert n_lists(10) == 1
    assert efforts(IndexKind.IVF_SQ8, 10) == [4, 8, 16, 32]
    assert efforts(IndexKind.IVF_SQ8, 1_000_000)[-1] == 256
    assert efforts(IndexKind.HNSW, 10)[-1] == 1024


def test_sampled_queries_stay_off_the_rows() -> None:
    queries = sample_queries(rows(500), 0, 100)
    unit = rows(500) / np.linalg.norm(rows(500), axis=1, keepdims=True)
    nearest = (queries @ unit.T).max(1) / np.linalg.norm(queries, axis=1)
    assert queries.shape == (100, 16)
    assert 0.6 < np.median(nearest) < 0.95


def test_a_report_of_other_rows_is_refused(tmp_path: Path) -> None:
    build_index(rows(), tmp_path)
    with pytest.raises(BundleDamagedError, match="2000 x 16"):
        open_index(tmp_path, rows(1999))


def test_a_structure_of_other_rows_is_refused(tmp_path: Path) -> None:
    for n in (500, 600):
        (tmp_path / str(n)).mkdir()
        build_index(rows(n), tmp_path / str(n), IndexKind.IVF_SQ8, min_recall=0.5)
    (tmp_path / "500" / "index.faiss").replace(tmp_path / "600" / "index.faiss")
    with pytest.raises(BundleDamagedError, match="500 x 16"):
        open_index(tmp_path / "600", rows(600))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema_version": 1, "kind": "tree", "requested": "flat"}'])
def test_a_damaged_report_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(BundleDamagedError, match=r"index\.json"):
        open_index(tmp_path, rows())


def test_a_newer_report_is_refused(tmp_path: Path) -> None:
    build_index(rows(), tmp_path)
    values = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(values | {"schema_version": 9}))
    with pytest.raises(BundleVersionError, match="9"):
        read_report(tmp_path)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"IwSq" + b"\xff" * 64])
def test_a_damaged_structure_is_named(tmp_path: Path, content: bytes) -> None:
    build_index(rows(), tmp_path, IndexKind.IVF_SQ8)
    (tmp_path / "index.faiss").write_bytes(content)
    with pytest.raises(BundleDamagedError, match=r"index\.faiss"):
        open_index(tmp_path, rows())


def private_kib() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux' smaps_rollup")
@pytest.mark.parametrize("kind", [IndexKind.IVF_SQ8, IndexKind.HNSW])
def test_an_opened_structure_stays_in_its_file(tmp_path: Path, kind: IndexKind) -> None:
    matrix = rows(4_000, 64)
    build_index(matrix, tmp_path, kind, queries=matrix[:32] + 0.05, min_recall=0.5)
    assert read_report(tmp_path).kind is kind
    size = (tmp_path / "index.faiss").stat().st_size // 1024
    before = private_kib()
    indexes = [open_index(tmp_path, matrix) for _ in range(4)]
    for index in indexes:
        index.search(matrix[:8], 5)
    assert private_kib() - before < 2 * size  # four private copies would be 4 * size
