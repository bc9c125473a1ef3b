"""The table of examples beside the vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xite_core.errors import BundleDamagedError, RowError
from xite_core.index import examples as module
from xite_core.index.examples import ExampleTable, ExampleWriter
from xite_core.types import Example


def written(path: Path, *chunks: list[Example]) -> ExampleTable:
    with ExampleWriter(path) as writer:
        for chunk in chunks:
            writer.add(chunk)
    return ExampleTable(path)


def reviews(n: int) -> list[Example]:
    return [
        Example(
            f"text {i} \U0001f600\n", f"pair {i}" if i % 2 else None, "pn"[i % 2], f"id-{i}", ("en", None, "ko")[i % 3]
        )
        for i in range(n)
    ]


def test_what_goes_in_comes_out_over_many_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 10)
    table = written(tmp_path / "e.arrow", reviews(37)[:11], reviews(37)[11:])
    assert len(table) == 37
    rows = np.array([36, 0, 9, 10, 10, 20, 0])
    assert table.take(rows) == [reviews(37)[row] for row in rows]
    assert table.example(12) == reviews(37)[12]
    assert [example for chunk in table.chunks(8) for example in chunk] == reviews(37)


def test_labels_are_sorted_whatever_the_order_of_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    labels = ["c", "a", None, "c", "b", "a"]
    with ExampleWriter(tmp_path / "e.arrow") as writer:
        writer.add([Example("x", label=label) for label in labels])
        assert writer.labels == ("a", "b", "c")
        assert writer.label_codes.tolist() == [2, 0, -1, 2, 1, 0]
    table = ExampleTable(tmp_path / "e.arrow")
    assert table.labels == ("a", "b", "c")
    assert table.label_codes.tolist() == [2, 0, -1, 2, 1, 0]
    assert table.label_codes.dtype == np.int64


def test_rows_without_an_id_get_one_of_their_own(tmp_path: Path) -> None:
    table = written(tmp_path / "e", [Example("a"), Example("b", id="row-2"), Example("c"), Example("d")])
    assert [example.id for example in table.take(np.arange(4))] == ["row-0", "row-2", "row-2-1", "row-3"]


def test_an_id_that_stands_twice_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(RowError, match=r'item 2: the id "b" is taken'):
        written(tmp_path / "e", [Example("x", id="a"), Example("x", id="b"), Example("x", id="b")])
    assert list(tmp_path.iterdir()) == []


def test_rows_of_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 4)
    table = written(tmp_path / "e", reviews(11))
    assert table.rows_of(["id-10", "id-3", "nobody"]) == {"id-3": 3, "id-10": 10}


def test_a_row_out_of_range(tmp_path: Path) -> None:
    table = written(tmp_path / "e", reviews(3))
    for rows in ([3], [-1]):
        with pytest.raises(IndexError):
            table.take(rows)


def test_no_rows(tmp_path: Path) -> None:
    table = written(tmp_path / "e")
    assert (len(table), table.labels, table.label_codes.tolist(), table.take([])) == (0, (), [], [])
    assert list(table.chunks(3)) == []
    assert table.rows_of(["a"]) == {}


@pytest.mark.parametrize("cut", [0, 100, -9])
def test_a_damaged_file_is_named(tmp_path: Path, cut: int) -> None:
    written(tmp_path / "whole.arrow", reviews(100))
    path = tmp_path / "e.arrow"
    path.write_bytes((tmp_path / "whole.arrow").read_bytes()[:cut])
    with pytest.raises(BundleDamagedError, match=r"e\.arrow"):
        ExampleTable(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleDamagedError, match=r"e\.arrow"):
        ExampleTable(tmp_path / "e.arrow")
