"""Ragged tokens and the draws made from them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from training_recipe import recipe

from training.sampler import CLS, PAD, SEP, Sampler
from training.tokens import Tokens

LANGUAGES = ["ko"] * 300 + ["de"] * 100 + ["cs"] * 90 + ["el"] * 10


def tokens_of(texts: list[list[int]]) -> Tokens:
    start = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    return Tokens(np.array([i for text in texts for i in text], np.int32), start)


def test_take_keeps_order_repeats_and_empty_texts() -> None:
    tokens = tokens_of([[1, 2], [], [3], [4, 5, 6]])
    taken = tokens.take(np.array([3, 1, 0, 3]))
    assert [taken[i].tolist() for i in range(len(taken))] == [[4, 5, 6], [], [1, 2], [4, 5, 6]]
    assert taken.lengths.tolist() == [3, 0, 2, 3]


def test_take_of_nothing() -> None:
    assert len(tokens_of([[1]]).take(np.array([], np.int64))) == 0


def test_save_and_load(tmp_path: Path) -> None:
    tokens = tokens_of([[7, 8], [], [9]])
    tokens.save(tmp_path / "t.npz")
    again = Tokens.load(tmp_path / "t.npz")
    assert (again.ids == tokens.ids).all()
    assert (again.start == tokens.start).all()


@pytest.fixture
def sampler(tmp_path: Path) -> Sampler:
    shares = '{ en = 0.2, ko = 0.5, de = 0.1, "*" = 0.2 }'
    weights = "{ coop = 1.0, written = 5.0 }"
    settings = [
        f"data.language_share={shares}",
        f"data.source_weight={weights}",
        "distill.tokens_per_batch=512",
        "distill.token_dropout=0.0",
    ]
    config = recipe(tmp_path, *settings)
    rng = np.random.default_rng(0)
    english = tokens_of([rng.integers(10, 99, rng.integers(1, 20)).tolist() for _ in range(50)])
    other = tokens_of([rng.integers(100, 999, rng.integers(1, 20)).tolist() for _ in LANGUAGES])
    english.save(config.work / "english_tokens.npz")
    other.save(config.work / "pairs_tokens.npz")
    source = ["written" if i % 10 == 0 else "coop" for i in range(len(LANGUAGES))]
    pairs = {"english": pa.array(rng.integers(0, 50, len(LANGUAGES)), pa.int32()), "lang": LANGUAGES, "source": source}
    pq.write_table(pa.table(pairs), config.work / "pairs.parquet")
    pq.write_table(pa.table({"everyday": [i < 10 for i in range(50)]}), config.work / "english.parquet")
    return Sampler(config, seed=1)


def test_language_shares(sampler: Sampler) -> None:
    p = np.diff(sampler.cumulative, prepend=0.0)
    names = np.array([*LANGUAGES, *["en"] * 50])
    share = {name: p[names == name].sum() for name in ("en", "ko", "de", "cs", "el")}
    assert p.sum() == pytest.approx(1)
    assert (share["en"], share["ko"], share["de"]) == pytest.approx((0.2, 0.5, 0.1))
    # the rest is shared out by the square root of size: 90 rows against 10
    assert share["cs"] + share["el"] == pytest.approx(0.2)
    assert share["cs"] / share["el"] == pytest.approx(3)


def test_source_weights_hold_within_a_language(sampler: Sampler) -> None:
    p = np.diff(sampler.cumulative, prepend=0.0)
    assert p[0] == pytest.approx(5 * p[1])  # rows 0 and 1 are Korean, the first of them written


def test_batches_are_within_the_budget_and_point_at_their_english(sampler: Sampler) -> None:
    for batch in islice(iter(sampler), 30):
        assert batch.ids.size <= 512
        assert (batch.ids[:, 0] == CLS).all()
        assert ((batch.ids == SEP).sum(1) == 1).all()
        assert ((batch.ids != PAD) == batch.mask.astype(bool)).all()
        assert batch.english.max() < 50


def test_the_same_seed_draws_the_same(sampler: Sampler) -> None:
    first = next(iter(sampler))
    sampler.rng = np.random.default_rng(1)
    assert (next(iter(sampler)).ids == first.ids).all()
