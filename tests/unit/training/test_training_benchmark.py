"""The benchmark's parts on made-up vectors, and the card that its figures go into."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.benchmark_heads import SENTIMENT, centred, choose_by_folds, choose_by_sets, joined, read_rows
from training.benchmark_retrieval import hits
from training.benchmark_tables import markdown
from training.card import filled


def test_neutral_rows_are_dropped_and_limits_kept(tmp_path: Path) -> None:
    labels = ["positive", "neutral", "negative"] * 20
    pq.write_table(pa.table({"label": labels, "text": [f"t{i}" for i in range(60)]}), tmp_path / "a.parquet")
    rows = read_rows(tmp_path / "a.parquet", SENTIMENT)
    assert len(rows) == 40
    assert rows.codes[:2].tolist() == [1, 0]
    assert (
        read_rows(tmp_path / "a.parquet", SENTIMENT, 7).texts == read_rows(tmp_path / "a.parquet", SENTIMENT, 7).texts
    )
    both, part = joined([rows, read_rows(tmp_path / "a.parquet", SENTIMENT, 7)])
    assert len(both) == 47
    assert np.bincount(part).tolist() == [40, 7]


def test_identical_candidates_count_as_right() -> None:
    candidates = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    queries = np.eye(3, dtype=np.float32)[[0, 0, 2]]
    assert hits(queries, candidates, ["a", "a", "b"]).tolist() == [1.0, 1.0, 0.0]


def test_centred_vectors_are_unit_vectors() -> None:
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32) + 5
    moved = centred(x, x.mean(0))
    assert np.allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)
    assert abs(moved.mean()) < 0.2


def test_regularisers_are_chosen() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 90)
    x = (rng.normal(size=(90, 5)) + y[:, None]).astype(np.float32)
    assert choose_by_folds(x, y) > 0
    assert choose_by_sets(x, y, np.repeat([0, 1, 2], 30)) > 0


def test_tables_and_card() -> None:
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    row = {"candidates": 500, "to_english": figure, "from_english": figure}
    report = {"languages": {"kor": row}, "mean_of_targets": figure, "mean": figure}
    text = markdown({"fingerprint": "f" * 64, "retrieval": report})
    assert "| kor | 500 | 0.500 [0.400, 0.600] | 0.500 [0.400, 0.600] |" in text
    card, left = filled("P@1 TODO-FIGURE(mean), TODO-FIGURE(speed)", {"mean": "0.5"})
    assert card == "P@1 0.5, TODO-FIGURE(speed)"
    assert left == ["speed"]
