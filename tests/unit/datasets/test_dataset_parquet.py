"""A Parquet file that would decode to too much is refused by what its footer says, before it is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.datasets import parquet
from app.datasets.parquet import check_parquet
from xite_core.errors import InputError

TEXTS = pa.array(["some text that is not short"] * 1000)


def refusal(path: Path, table: pa.Table | dict[str, Any], columns: dict[str, str] | None = None, **limits: int) -> str:
    pq.write_table(pa.table(table) if isinstance(table, dict) else table, path, use_dictionary=False)
    with pytest.raises(InputError) as told:
        check_parquet(path, columns or {}, **{"max_rows": 10_000, "max_bytes": 10**6, **limits})
    return str(told.value)


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": TEXTS.dictionary_encode(), "label": [1] * 1000, "vector": [[0.5]] * 1000}), path)
    check_parquet(path, {}, max_rows=1000, max_bytes=10**6)


def test_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.parquet"
    assert "1,000 rows, at most 999" in refusal(path, {"text": TEXTS}, max_rows=999)
    assert "decodes to" in refusal(path, {"text": TEXTS}, max_bytes=20_000)
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 20_000)
    assert "row group 1" in refusal(path, {"text": TEXTS})


def test_columns_that_are_not_read_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["a"], "other": ["b" * 10**6]}), path)
    check_parquet(path, {}, max_rows=10, max_bytes=10_000)


@pytest.mark.parametrize(
    "values", [[["a"]], [{"b": 1}], [b"bytes"], pa.array([1], pa.timestamp("s")), pa.array([[1]], pa.list_(pa.int8()))]
)
def test_columns_of_other_types(tmp_path: Path, values: Any) -> None:
    assert "'text' is of type" in refusal(tmp_path / "x.parquet", {"text": values})
    assert "'stars' is of type" in refusal(tmp_path / "x.parquet", {"text": ["a"], "stars": values}, {"label": "stars"})


def test_a_column_twice(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([TEXTS, TEXTS], names=["text", "text"])
    assert "twice" in refusal(tmp_path / "x.parquet", twice)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1", b"x" * 1000])
def test_no_parquet_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(InputError, match="not a whole Parquet file"):
        check_parquet(tmp_path / "x.parquet", {}, max_rows=1, max_bytes=1)
