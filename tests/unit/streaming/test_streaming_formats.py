"""What an augmented file holds, in every format."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.bundles import CountingEncoder
from tests.support.streaming import COLUMNS, OPTIONS, ROWS, hidden, read_any
from xite_core.augmenter import Augmenter
from xite_core.bundle.bundle import Bundle
from xite_core.records.writers import check_target
from xite_core.report import Report


def test_the_file_holds_what_one_call_gives(run: Callable[..., dict[str, Any]], bundle: Bundle, tmp_path: Path) -> None:
    report = run()
    table = pq.read_table(tmp_path / "out.parquet")
    texts = [dataclasses.replace(row, label=None, lang=row.lang if i % 3 else None) for i, row in enumerate(ROWS)]
    made = Augmenter(bundle, CountingEncoder()).augment(texts, OPTIONS)
    assert table.schema.names == COLUMNS
    rows = table.to_pylist()
    expected = [
        (text, draw) for text in made.texts for draw in (enumerate(text.embeddings) if text.embeddings else [None])
    ]
    assert len(rows) == len(expected) < 2 * len(ROWS)
    for row, (text, draw) in zip(rows, expected, strict=True):
        match, source = text.match, text.match.matched_example
        assert (row["id"], row["text"], row["lang"]) == (text.example.id, text.example.text, match.lang)
        assert (row["status"], row["label"]) == (match.status, match.label)
        assert row["reason"] == (None if match.reason is None else str(match.reason))
        assert (row["source_id"], row["source_text"], row["source_label"]) == (source.id, source.text, source.label)
        assert (row["n_tokens"], row["truncated"], row["neighbors"]) == (text.n_tokens, text.truncated, None)
        assert (row["bundle"], row["revision"]) == (bundle.name, bundle.revision)
        np.testing.assert_allclose(
            [row["confidence"], row["score"], row["cosine"]], [match.confidence, match.score, match.cosine], atol=1e-5
        )
        if draw is None:
            assert {row[name] for name in ("draw", "lam", "subspace", "seed", "vector")} == {None}
        else:
            number, each = draw
            assert (row["draw"], row["subspace"], row["seed"]) == (number, str(each.subspace), each.seed)
            np.testing.assert_allclose(row["lam"], each.lam)
            np.testing.assert_allclose(row["vector"], each.vector, atol=1e-6)
    whole = Report(bundle.anchors.ntotal)
    whole.add(made)
    assert report == whole.as_dict()
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("target", ["out.parquet", "out.jsonl", "out.ndjson", "out.csv", "out"])
def test_every_format_has_the_documented_columns(
    run: Callable[..., dict[str, Any]], tmp_path: Path, target: str
) -> None:
    run("reference.parquet", neighbors=True)
    run(target, neighbors=True)
    expected = pq.read_table(tmp_path / "reference.parquet").to_pylist()
    rows = read_any(tmp_path / target)
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        assert list(row) == COLUMNS
        assert row == wanted
    assert len(expected[0]["neighbors"]) == 5
    assert list(expected[0]["neighbors"][0]) == ["id", "text", "label", "score", "cosine"]
    assert hidden(tmp_path) == []


def test_datasets_opens_the_directory(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra 'datasets' is not installed")
    run("reference.parquet", neighbors=True)
    run("out", neighbors=True)
    opened = datasets.load_from_disk(str(tmp_path / "out"))
    assert opened.column_names == COLUMNS
    assert opened.to_list() == pq.read_table(tmp_path / "reference.parquet").to_pylist()


def test_reading_back_the_output_as_input(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    check_target(tmp_path / "first.parquet")
    run("first.parquet")
    report = run("second.parquet", source=tmp_path / "first.parquet")
    assert report["texts"] == pq.read_metadata(tmp_path / "first.parquet").num_rows
