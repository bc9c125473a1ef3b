"""Batches: what belongs to a text stays with it when parts of several requests are computed together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.runtime.engine import Part, Plan, run_batch
from xite_core.augmenter import Augmentation, Augmenter
from xite_core.bundle.bundle import Bundle
from xite_core.encoder.hashing import HashingEncoder
from xite_core.types import AbstentionReason, Encoded, Example

ENCODER = HashingEncoder()


def part(texts: Sequence[str], unreadable: Sequence[bool], plan: Plan | None, loop: asyncio.AbstractEventLoop) -> Part:
    examples = [Example(text) for text in texts]
    tokenized = replace(ENCODER.tokenize(examples), unreadable=np.array(unreadable))
    return Part(object(), ENCODER, examples, tokenized, plan, 0.0, loop.create_future())


def test_unreadable_texts_are_known_after_merging_and_splitting(bundle: Bundle) -> None:
    loop = asyncio.new_event_loop()
    plan = Plan(Augmenter(bundle, ENCODER), bundle.options, True)
    parts = [
        part(["good", "bad"], [False, True], plan, loop),
        part(["fine"], [True], None, loop),
        part(["poor"], [False], plan, loop),
    ]
    first, vectors, last = run_batch(parts)
    loop.close()
    assert isinstance(first, Augmentation)
    assert isinstance(last, Augmentation)
    assert isinstance(vectors, Encoded)
    assert [text.match.reason for text in first.texts] == [None, AbstentionReason.UNREADABLE]
    assert [text.match.reason for text in last.texts] == [None]
    assert vectors.unreadable.tolist() == [True]
