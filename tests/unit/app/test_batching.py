"""The queue and the compute thread, with an encoder that does what a test wants."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from app.errors import DeadlineError, StuckError
from app.runtime.batching import Batcher
from app.runtime.engine import Part, Result, run_batch
from xite_core.encoder.hashing import HashingEncoder
from xite_core.encoder.protocol import Tokenized
from xite_core.types import Encoded, Example, FloatArray


class Scripted(HashingEncoder):
    """Fails or hangs on certain words, and keeps the size of each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.hang = threading.Event()

    def forward(self, tokenized: Tokenized) -> FloatArray:
        self.gate.wait(10)
        self.batches.append(len(tokenized.ids))
        texts = ["".join(map(chr, ids)) for ids in tokenized.ids]
        if any("poison" in text for text in texts):
            raise RuntimeError("poisoned")
        if any("endless" in text for text in texts):
            self.hang.wait(30)
        return super().forward(tokenized)


@pytest.fixture
def encoder() -> Scripted:
    return Scripted()


def part(encoder: Scripted, text: str, request: object = None, seconds: float = 30) -> Part:
    examples = [Example(text)]
    tokenized = encoder.tokenize(examples)
    future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    return Part(request or object(), encoder, examples, tokenized, None, time.monotonic() + seconds, future)


def run(
    encoder: Scripted, budget: int, script: Callable[[Batcher], Sequence[Part]], stall: float = 30
) -> list[Result | BaseException]:
    """Queue what the script makes while the compute thread is held, then let go and gather."""

    async def main() -> list[Result | BaseException]:
        batcher = Batcher(budget, 0.01, stall)
        try:
            parts = script(batcher)
            encoder.gate.set()
            done = asyncio.gather(*(one.future for one in parts), return_exceptions=True)
            while not done.done():
                batcher.check()
                await asyncio.sleep(0.01)
            return list(await done)
        finally:
            encoder.hang.set()
            batcher.close()

    return asyncio.run(main())


def queue(batcher: Batcher, parts: Sequence[Part]) -> Sequence[Part]:
    # The arriving part keeps the batch open until all are queued.
    batcher.announce(1)
    for one in parts:
        batcher.submit(one)
    batcher.announce(-1)
    return parts


def test_requests_are_computed_together_and_each_gets_its_own(encoder: Scripted) -> None:
    texts = [f"text number {i}" for i in range(10)]
    results = run(encoder, 10_000, lambda batcher: queue(batcher, [part(encoder, text) for text in texts]))
    assert len(encoder.batches) < len(texts)
    expected = HashingEncoder().encode([Example(text) for text in texts]).vectors
    for result, vector in zip(results, expected, strict=True):
        assert isinstance(result, Encoded)
        np.testing.assert_array_equal(result.vectors[0], vector)


def test_a_failing_text_fails_alone(encoder: Scripted) -> None:
    texts = ["one", "two", "poison", "three"]
    results = run(encoder, 10_000, lambda batcher: queue(batcher, [part(encoder, text) for text in texts]))
    assert [isinstance(result, Encoded) for result in results] == [True, True, False, True]
    assert isinstance(results[2], RuntimeError)


def test_a_stuck_text_fails_alone(encoder: Scripted) -> None:
    texts = ["one", "endless", "two"]
    results = run(encoder, 10_000, lambda batcher: queue(batcher, [part(encoder, text) for text in texts]), stall=0.2)
    assert [isinstance(result, Encoded) for result in results] == [True, False, True]
    assert isinstance(results[1], StuckError)


def test_nobodys_work_is_skipped(encoder: Scripted) -> None:
    def script(batcher: Batcher) -> Sequence[Part]:
        parts = [part(encoder, text) for text in ("busy", "dropped", "wanted")]
        batcher.submit(parts[0])
        time.sleep(0.05)
        parts[1].future.cancel()
        queue(batcher, parts[1:])
        return parts

    results = run(encoder, 10_000, script)
    assert isinstance(results[1], asyncio.CancelledError)
    assert sum(encoder.batches) == 2


def test_work_past_its_deadline_is_not_done(encoder: Scripted) -> None:
    def script(batcher: Batcher) -> Sequence[Part]:
        parts = [part(encoder, "busy"), part(encoder, "late", seconds=0.01)]
        batcher.submit(parts[0])
        time.sleep(0.05)
        batcher.submit(parts[1])
        return parts

    results = run(encoder, 10_000, script)
    assert isinstance(results[1], DeadlineError)
    assert sum(encoder.batches) == 1


def test_a_big_request_does_not_hold_up_a_small_one(encoder: Scripted) -> None:
    order: list[str] = []

    def script(batcher: Batcher) -> Sequence[Part]:
        first, big = part(encoder, "x" * 50), object()
        parts = [first, *(part(encoder, "y" * 50, big) for _ in range(6)), part(encoder, "z" * 50)]
        names = ["first", *["big"] * 6, "small"]
        for one, name in zip(parts, names, strict=True):
            one.future.add_done_callback(lambda _, name=name: order.append(name))
        batcher.submit(first)
        time.sleep(0.05)
        queue(batcher, parts[1:])
        return parts

    run(encoder, 100, script)
    assert order.index("small") <= 3


def test_threads_compute_side_by_side(encoder: Scripted) -> None:
    both = threading.Barrier(2)

    def together(batch: Sequence[Part]) -> list[Result | Exception]:
        both.wait(10)
        return run_batch(batch)

    async def main() -> None:
        encoder.gate.set()
        batcher = Batcher(10, 0.0, 30.0, together, threads=2)
        parts = [part(encoder, "x" * 50) for _ in range(2)]
        queue(batcher, parts)
        await asyncio.wait_for(asyncio.gather(*(one.future for one in parts)), 20)
        batcher.close()

    asyncio.run(main())


def test_the_speed_is_known_after_some_batches_and_one_slow_batch_does_not_change_it() -> None:
    batcher = Batcher(2048, 0.0, 30.0, threads=2)
    batcher._learn(1000, 1.0)
    assert batcher.rate == 0
    for _ in range(4):
        batcher._learn(1000, 0.1)
    assert batcher.rate == pytest.approx(20_000)
    batcher._learn(1000, 10.0)
    assert batcher.rate == pytest.approx(20_000)
    batcher.close()


@pytest.mark.parametrize(("rate", "size"), [(0.0, 2048), (10.0, 256), (2000.0, 700), (1e6, 2048)])
def test_a_slow_machine_computes_smaller_batches(encoder: Scripted, rate: float, size: int) -> None:
    batcher = Batcher(2048, 0.0, 30.0)
    batcher.rate = rate
    parts = []

    async def main() -> None:
        with batcher._condition:
            parts.extend(part(encoder, "x" * 10) for _ in range(400))
            for one in parts:
                batcher._put(one)
            picked = batcher._pick()
        assert size - 20 < sum(one.tokens for one in picked) <= size
        encoder.gate.set()

    asyncio.run(main())
    batcher.close()
