"""Labeled rows: written as a stream, opened as one searchable thing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xite_core.errors import BundleDamagedError, InputError, OptionError, RowError
from xite_core.index.labeled import AnchorWriter, LabeledIndex, gate_queries
from xite_core.types import Example, IndexKind

D, COLUMNS = 12, 3


def data(n: int, seed: int = 0) -> tuple[list[Example], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, D)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    examples = [Example(f"text {i}", None, ("pos", "neg")[i % 2], f"{seed}-{i}", "en") for i in range(n)]
    return examples, vectors, rng.uniform(0.2, 0.8, (n, COLUMNS)).astype(np.float32)


def written(directory: Path, n: int = 300, kind: IndexKind = IndexKind.AUTO) -> LabeledIndex:
    examples, vectors, hubness = data(n)
    with AnchorWriter(directory, D, COLUMNS) as writer:
        for start in range(0, n, 64):
            block = slice(start, start + 64)
            writer.add(examples[block], vectors[block], hubness[block])
        assert len(writer) == n
        return writer.finish(kind)


@pytest.mark.parametrize("kind", [IndexKind.AUTO, IndexKind.IVF_SQ8, IndexKind.HNSW])
def test_all_parts_agree(tmp_path: Path, kind: IndexKind) -> None:
    examples, vectors, hubness = data(300)
    written(tmp_path / "anchors", kind=kind)
    index = LabeledIndex.open(tmp_path / "anchors")
    assert (index.ntotal, len(index), index.dimension) == (300, 300, D)
    np.testing.assert_array_equal(index.vectors, vectors)
    np.testing.assert_array_equal(index.hubness, hubness)
    assert index.examples.take(np.arange(300)) == examples
    assert index.labels == ("neg", "pos")
    assert [index.labels[code] for code in index.label_codes] == [example.label for example in examples]
    assert index.report.requested is kind
    queries = np.hstack([2 * vectors[:9], np.zeros((9, COLUMNS), np.float32)])
    queries[:, D + 1] = -1
    scores, rows = index.search(queries, 4)
    expected = 2 * vectors[:9] @ vectors.T - hubness[:, 1]
    np.testing.assert_array_equal(rows, np.argsort(-expected, axis=1)[:, :4])
    np.testing.assert_allclose(scores, np.take_along_axis(expected, rows, 1), atol=1e-6)


def test_vectors_and_hubness_are_views_of_one_map(tmp_path: Path) -> None:
    index = written(tmp_path / "a")
    assert np.shares_memory(index.vectors, index.matrix)
    assert np.shares_memory(index.hubness, index.matrix)
    assert not index.vectors.flags.writeable
    assert index.vectors[[3, 1, 3]].shape == (3, D)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "examples.arrow",
        "index.json",
        "vectors.safetensors",
    ]


def test_exact_search_of_the_same_directory(tmp_path: Path) -> None:
    index, exact = written(tmp_path / "a", kind=IndexKind.IVF_SQ8), LabeledIndex.open(tmp_path / "a", exact=True)
    queries = np.array(index.matrix[:5])
    np.testing.assert_array_equal(index.search(queries, 3)[1], exact.search(queries, 3)[1])


def test_rows_without_hubness_columns(tmp_path: Path) -> None:
    examples, vectors, _ = data(20)
    with AnchorWriter(tmp_path / "validation", D, 0) as writer:
        writer.add(examples, vectors, np.empty((20, 0)))
        index = writer.finish(IndexKind.FLAT)
    assert index.hubness.shape == (20, 0)
    assert index.search(vectors[:4], 1)[1].tolist() == [[0], [1], [2], [3]]


def test_the_gate_can_be_asked_with_real_targets(tmp_path: Path) -> None:
    examples, vectors, hubness = data(300)
    with AnchorWriter(tmp_path / "a", D, COLUMNS) as writer:
        writer.add(examples, vectors, hubness)
        index = writer.finish(IndexKind.IVF_SQ8, targets=data(40, seed=5)[1])
    queries = gate_queries(index.matrix, D, 0, data(40, seed=5)[1])
    assert queries.shape == (40, D + COLUMNS)
    np.testing.assert_allclose(np.linalg.norm(queries[:, :D], axis=1), [2, 1] * 20, rtol=1e-5)
    assert (queries[0::2, D:].sum(1) == -1).all()
    assert (queries[1::2, D:] == 0).all()


def test_no_rows_at_all(tmp_path: Path) -> None:
    writer = AnchorWriter(tmp_path / "empty", D, COLUMNS)
    writer.add([], np.empty((0, D), np.float32), np.empty((0, COLUMNS)))
    index = writer.finish()
    assert (index.ntotal, index.labels) == (0, ())
    with pytest.raises(OptionError, match="k=1"):
        index.search(np.zeros((1, D + COLUMNS), np.float32), 1)


def test_a_missing_label_names_the_row(tmp_path: Path) -> None:
    examples, vectors, hubness = data(4)
    examples[2] = Example("no label")
    with pytest.raises(RowError, match="item 6: has no label"), AnchorWriter(tmp_path / "a", D, COLUMNS) as writer:
        writer.add(*data(4, seed=1))
        writer.add(examples, vectors, hubness)
    assert list((tmp_path / "a").iterdir()) == []


@pytest.mark.parametrize("shapes", [((3, D), (4, COLUMNS)), ((4, D - 1), (4, COLUMNS)), ((4, D), (4, 1))])
def test_shapes_that_do_not_fit(tmp_path: Path, shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    writer = AnchorWriter(tmp_path / "a", D, COLUMNS)
    with pytest.raises(InputError, match="expected"):
        writer.add(data(4)[0], np.ones(shapes[0], np.float32), np.ones(shapes[1], np.float32))


@pytest.mark.parametrize("name", ["examples.arrow", "vectors.safetensors", "index.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    written(tmp_path / "a")
    (tmp_path / "a" / name).unlink()
    with pytest.raises(BundleDamagedError, match=name):
        LabeledIndex.open(tmp_path / "a")


def test_files_of_different_sets_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "a", 300)
    written(tmp_path / "b", 200)
    (tmp_path / "b" / "examples.arrow").replace(tmp_path / "a" / "examples.arrow")
    with pytest.raises(BundleDamagedError, match="200 examples for 300 vectors"):
        LabeledIndex.open(tmp_path / "a")
