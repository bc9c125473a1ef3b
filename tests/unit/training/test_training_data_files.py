"""The real files, where they are there: none of the evaluation texts is in what training reads."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from training.config import ROOT, Config
from training.prepare import clean, digest, heldout, written_rows

CONFIG = Config(ROOT / "training" / "config.toml")
needs_hashes = pytest.mark.skipif(
    not CONFIG.path("heldout_hashes").exists() or not CONFIG.path("retrieval").exists(),
    reason="the evaluation sets and their hashes are not on this machine",
)


@pytest.fixture(scope="module")
def forbidden() -> set[bytes]:
    return heldout(CONFIG)


@needs_hashes
def test_cleaned_written_sentences_hold_no_evaluation_text(forbidden: set[bytes]) -> None:
    kept, _ = clean(written_rows([ROOT / folder for folder in CONFIG["paths"]["written"]]), forbidden, CONFIG)
    assert len(kept) > 10_000
    assert not any(digest(text) in forbidden for row in kept for text in row[2:])


@needs_hashes
@pytest.mark.skipif(
    not (ROOT / CONFIG["paths"]["work"] / "pairs.parquet").exists(), reason="the training files have not been made"
)
def test_training_files_hold_no_evaluation_text(forbidden: set[bytes]) -> None:
    """All English sentences and every 20th translation, to be done in seconds; `training.prepare` checks all."""
    for name, step in (("english.parquet", 1), ("pairs.parquet", 20)):
        texts = pq.read_table(ROOT / CONFIG["paths"]["work"] / name, columns=["text"])["text"]
        assert not any(digest(text) in forbidden for text in texts.take(np.arange(0, len(texts), step)).to_pylist())


@needs_hashes
def test_a_planted_text_would_be_found(forbidden: set[bytes]) -> None:
    text = pq.read_table(next(CONFIG.path("retrieval").glob("*.parquet")))["en"][0].as_py()
    kept, why = clean([("coop", "ko", text, "아무 문장이나 하나 쓴다.")], forbidden, CONFIG)
    assert kept == []
    assert why["held out"] == 1
