"""The reference pool of a moving encoder, and the snapshot that is fitted on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support.finetuning import pairs, pool, reviews
from xite_core.bundle.bundle import Bundle
from xite_core.encoder.hashing import HashingEncoder
from xite_core.encoder.protocol import Tokenized
from xite_core.errors import InputError
from xite_core.finetune.corpus import (
    FineTuneInputs,
    MemoryIndex,
    anchor_examples,
    fresh_snapshot,
    gather,
    pool_texts,
    stored_snapshot,
)
from xite_core.finetune.events import FineTuneEvent, Monitor, Stage
from xite_core.types import Example

ENCODER = HashingEncoder()


def test_target_texts_enter_the_pool_where_they_are_more(bundle: Bundle) -> None:
    many, few = reviews(300, "xx", labeled=False), [Example("zza", lang="yy")]
    inputs = FineTuneInputs(bundle, ENCODER, [*many, *few])
    texts = pool_texts(inputs, gather(inputs), ["ko"] * 300 + ["yy"], seed=0)
    assert {example.text for example in texts["ko"]} == {example.text for example in many}
    assert "yy" not in texts
    assert len(texts["en"]) > 100
    assert "und" not in pool_texts(inputs, gather(inputs), ["und"] * 300 + ["yy"], seed=0), "it is no language"


def test_held_out_rows_never_enter_the_pool(bundle: Bundle) -> None:
    inputs = FineTuneInputs(bundle, ENCODER, reviews(5, "xx"), pool={**pool(), "en": reviews(200)})
    corpus = gather(inputs)
    texts = pool_texts(inputs, corpus, ["xx"] * 5, seed=0)
    assert not {example.text for example in texts["en"]} & {example.text for example in corpus.validation}
    assert len(texts["xx"]) == 40


def test_single_texts_are_paired_for_a_bundle_of_pairs(pair_bundle: Bundle, pair_encoder: HashingEncoder) -> None:
    inputs = FineTuneInputs(pair_bundle, pair_encoder, pairs(5, "xx"), pool=pool())
    texts = pool_texts(inputs, gather(inputs), ["xx"] * 5, seed=0)
    assert all(example.text_pair for rows in texts.values() for example in rows)


def test_a_fresh_snapshot_with_the_same_encoder_is_the_stored_one(bundle: Bundle) -> None:
    inputs = FineTuneInputs(bundle, ENCODER, reviews(20, "xx", labeled=False))
    corpus, events = gather(inputs), list[FineTuneEvent]()
    stored = stored_snapshot(bundle, corpus, ENCODER.encode(corpus.target).vectors, np.zeros((0, 0), np.float32))
    fresh = fresh_snapshot(ENCODER, corpus, anchor_examples(bundle, corpus), pool(), Monitor(events.append), seed=0)
    for name in ("anchors", "validation", "target"):
        assert np.abs(getattr(fresh, name) - getattr(stored, name)).max() < 1e-6
    # the builder also leaves texts out of the English pool that might have been held out
    assert np.abs(fresh.index.hubness - bundle.anchors.hubness)[:, 1].max() < 1e-5
    assert fresh.pool.identifier is not None
    assert fresh.pool.identifier.identify(inputs.target[0]) == "xx"
    assert np.abs(fresh.subspaces.label.mean - bundle.subspaces.label.mean).max() < 1e-6
    assert {event.stage for event in events} == {Stage.REFRESH}
    assert [event.step for event in events] == sorted(event.step for event in events)
    assert events[-1].step == events[-1].of


def test_memory_index_finds_what_the_bundle_finds(bundle: Bundle) -> None:
    index = MemoryIndex(bundle.anchors.vectors, bundle.anchors.hubness, bundle.anchors.label_codes)
    queries = np.array(bundle.anchors.matrix[:7])
    for mine, theirs in zip(index.search(queries, 5), bundle.anchors.search(queries, 5), strict=True):
        assert np.allclose(mine, theirs, atol=1e-6)


class HalfBlind(HashingEncoder):
    """Cannot read texts with an x."""

    def tokenize(self, examples: Sequence[Example]) -> Tokenized:
        blind = np.array(["x" in example.text for example in examples])
        return replace(super().tokenize(examples), unreadable=blind)


def test_unreadable_target_texts_are_left_out_and_counted(bundle: Bundle) -> None:
    texts = [Example("good"), Example("x good"), Example("bad")]
    corpus = gather(FineTuneInputs(bundle, HalfBlind(), texts))
    assert [example.text for example in corpus.target] == ["good", "bad"]
    assert corpus.unreadable == 1


def test_only_unreadable_target_texts_are_refused(bundle: Bundle) -> None:
    with pytest.raises(InputError, match="can read none of the 2 target texts"):
        gather(FineTuneInputs(bundle, HalfBlind(), [Example("x"), Example("xx")]))
