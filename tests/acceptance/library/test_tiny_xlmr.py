"""A randomly initialised XLM-RoBERTa directory goes through build and augment by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.bundles import demo_rows
from tests.support.command import Command
from tests.support.tiny_encoder import make_tiny_xlmr

HIDDEN = 32
REVIEWS, PAIRS = demo_rows("reviews", "en", 30), demo_rows("nli", "en", 30)


@pytest.fixture
def xite(tmp_path: Path) -> Command:
    """A working directory with an encoder, a pool, and English and Korean texts and pairs."""
    folder = tmp_path / "work"
    make_tiny_xlmr(folder / "tiny", hidden=HIDDEN)
    for name, task, lang, count in (
        ("reviews", "reviews", "en", 30),
        ("pairs", "nli", "en", 30),
        ("ko-reviews", "reviews", "ko", 12),
        ("ko-pairs", "nli", "ko", 12),
    ):
        rows = [
            {"id": r.id, "text": r.text, "text_pair": r.text_pair, "label": r.label, "lang": r.lang}
            for r in demo_rows(task, lang, count)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf8")
    return Command(tmp_path / "home", folder)


@pytest.mark.parametrize(
    ("source", "pairs", "pooling", "width"),
    [
        ("reviews", "joint", "mean", HIDDEN),
        ("pairs", "joint", "cls", HIDDEN),
        ("pairs", "features", "mean", 4 * HIDDEN),
    ],
)
def test_build_and_augment(xite: Command, source: str, pairs: str, pooling: str, width: int) -> None:
    xite.succeed("build", f"{source}.jsonl", "--name", "b", "--encoder", "tiny", "--pairs", pairs, "--pooling", pooling,
                 "--validation", 0)  # fmt: skip
    facts = json.loads(xite.succeed("info", "b", "--verify"))
    assert (facts["dimension"], facts["pairs"]) == (width, source == "pairs")
    assert facts["encoder"]["name"] == str(xite.folder / "tiny")
    assert (facts["encoder"]["pairs"], facts["encoder"]["pooling"]) == (pairs, pooling)
    elsewhere = Command(xite.home, xite.home)
    out = xite.folder / "out.parquet"
    report = json.loads(elsewhere.succeed("augment", xite.folder / f"ko-{source}.jsonl", out, "--lam", 1, "--k", 4))
    assert (report["texts"], report["coverage"], report["languages"]) == (12, 1.0, {"ko": 12})
    rows = pq.read_table(out).to_pylist()
    assert {row["source_label"] for row in rows} <= {row.label for row in (REVIEWS if source == "reviews" else PAIRS)}
    for row in rows:
        assert row["label"] == row["source_label"]
        assert (row["source_text_pair"] is not None) == (source == "pairs")
        assert len(row["vector"]) == width
        np.testing.assert_allclose(np.linalg.norm(row["vector"]), 1, atol=1e-5)
    other = "pairs" if source == "reviews" else "reviews"
    line = elsewhere.refuse("augment", xite.folder / f"ko-{other}.jsonl", xite.folder / "other.parquet")
    assert f"ko-{other}.jsonl, line 1: bundle 'b' holds" in line


def test_an_encoder_whose_weights_changed_is_refused(xite: Command) -> None:
    xite.succeed("build", "reviews.jsonl", "--name", "b", "--encoder", "tiny", "--validation", 0)
    make_tiny_xlmr(xite.folder / "tiny", hidden=HIDDEN, seed=1)
    line = xite.refuse("augment", "ko-reviews.jsonl", "out.parquet")
    assert "bundle 'b' was built with encoder" in line
    assert "load that encoder or rebuild the bundle" in line
