"""The queue in front of the threads that compute."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from statistics import median

from app.errors import DeadlineError, NotReadyError, StuckError
from app.metrics.instruments import BATCH_TOKENS, STAGE_SECONDS
from app.runtime.engine import Part, Result, run_batch

MAX_STUCK = 4
"""Threads that may hang before the process calls itself ill."""

SLOWNESS = 10.0
"""A batch is stuck only when it also takes this many times what its tokens usually take."""

ENOUGH = 256
"""Tokens that are computed together almost as fast as any number of them."""

BATCH_SECONDS = 0.35
"""On a slow machine a batch is kept below the budget, since requests that come meanwhile wait for its end."""


SPEEDS = 11
"""Batches whose median is the speed: single ones are held up by other work."""

LEAST_SPEEDS = 3
"""Batches before which the speed counts as unknown: the first one of a process is several times as slow."""


class _Worker(threading.Thread):
    """A compute thread with what it computes now."""

    def __init__(self, batcher: Batcher) -> None:
        super().__init__(name="compute", daemon=True)
        self.batcher = batcher
        self.batch: Sequence[Part] = ()
        self.started = 0.0
        self.abandoned = False

    def run(self) -> None:
        while self.batcher.compute_next(self):
            pass


class Batcher:
    """Collects parts of requests into batches and computes them, one batch a thread at a time.

    Requests take turns part by part, so that a big one does not hold up the small ones.

    Parameters
    ----------
    budget : int
        Tokens of a batch; one part may exceed it.
    wait : float
        Seconds a batch below the budget waits while requests are being tokenized; it never waits when none is.
    stall : float
        Seconds after which a batch counts as stuck.
    """

    def __init__(
        self,
        budget: int,
        wait: float,
        stall: float,
        compute: Callable[[Sequence[Part]], list[Result | Exception]] = run_batch,
        threads: int = 1,
    ) -> None:
        self.budget, self.wait, self.stall = budget, wait, stall
        self._compute = compute
        self._condition = threading.Condition()
        self._queue: OrderedDict[object, deque[Part]] = OrderedDict()
        self._queued = 0
        self._arriving = 0
        self._closed = False
        self._stuck: list[_Worker] = []
        self.rate = 0.0
        """Tokens a second of full batches in all threads; 0 while unknown."""
        self._speeds: deque[float] = deque(maxlen=SPEEDS)
        self._workers = [self._start() for _ in range(threads)]

    def announce(self, count: int) -> None:
        """Say that so many parts are being tokenized, or (negative) are not any more."""
        with self._condition:
            self._arriving += count
            if count < 0:
                self._condition.notify_all()

    def submit(self, part: Part) -> None:
        """Queue a part behind the others of its request.

        Raises
        ------
        NotReadyError
            If the service is stopping.
        """
        with self._condition:
            if self._closed:
                raise NotReadyError("the service is stopping")
            self._put(part)
            self._condition.notify_all()

    @property
    def healthy(self) -> bool:
        """Whether computing is still possible."""
        self._stuck = [worker for worker in self._stuck if worker.is_alive()]
        return len(self._stuck) < MAX_STUCK

    def close(self) -> None:
        """Take no more; what is queued is still computed."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        for worker in self._workers:
            worker.join(timeout=5)

    def compute_next(self, worker: _Worker) -> bool:
        """Compute one batch in the worker's thread; tell whether to go on."""
        batch = self._next(worker)
        if not batch:
            return False
        results = self._compute(batch)
        with self._condition:
            if worker.abandoned:
                return False
            seconds = time.monotonic() - worker.started
            worker.batch = ()
        tokens = sum(part.tokens for part in batch)
        BATCH_TOKENS.inc(tokens)
        self._learn(tokens, seconds)
        _deliver(batch, results)
        return True

    def check(self) -> None:
        """Give up batches that are stuck: the thread is left behind, its parts are tried again one by one."""
        for worker in list(self._workers):
            self._check(worker)

    def _check(self, worker: _Worker) -> None:
        with self._condition:
            if not worker.batch or time.monotonic() - worker.started < self._patience(worker.batch):
                return
            worker.abandoned = True
            batch, self._stuck = worker.batch, [*self._stuck, worker]
            if len(batch) > 1:
                for part in batch:
                    part.alone = True
                    self._put(part)
            self._workers[self._workers.index(worker)] = self._start()
        if len(batch) == 1:
            _deliver(batch, [StuckError("the computation of these texts does not end")])

    def _patience(self, batch: Sequence[Part]) -> float:
        usual = len(self._workers) * sum(part.tokens for part in batch) / self.rate if self.rate else 0.0
        return max(self.stall, SLOWNESS * usual)

    def _start(self) -> _Worker:
        worker = _Worker(self)
        worker.start()
        return worker

    def _next(self, worker: _Worker) -> list[Part]:
        with self._condition:
            while True:
                while not self._queue and not self._closed:
                    self._condition.wait()
                self._linger()
                batch = self._pick()
                if batch or (self._closed and not self._queue):
                    worker.batch, worker.started = batch, time.monotonic()
                    return batch

    def _linger(self) -> None:
        until = time.monotonic() + self.wait
        while self._arriving > 0 and self._queued < self.budget and not self._closed:
            left = until - time.monotonic()
            if left <= 0:
                return
            self._condition.wait(left)

    def _put(self, part: Part) -> None:
        part.queued = time.monotonic()
        self._queue.setdefault(part.request, deque()).append(part)
        self._queued += part.tokens

    def _pick(self) -> list[Part]:
        """Take one part of each request in turn until the budget is full; requests that were served go to the end."""
        batch: list[Part] = []
        tokens, progress, budget = 0, True, self._size()
        while progress and tokens < budget:
            progress = False
            for request in list(self._queue):
                part = self._queue[request][0]
                dead = _is_dead(part)
                if not dead and batch and (not part.fits(batch[0]) or tokens + part.tokens > budget):
                    continue
                self._drop_first(request)
                progress = True
                if not dead:
                    batch.append(part)
                    tokens += part.tokens
                if tokens >= budget:
                    break
        return batch

    def _size(self) -> int:
        """Tokens of the next batch."""
        alone = self.rate / len(self._workers)
        return min(self.budget, max(ENOUGH, int(alone * BATCH_SECONDS))) if alone else self.budget

    def _drop_first(self, request: object) -> None:
        parts = self._queue[request]
        part = parts.popleft()
        self._queued -= part.tokens
        STAGE_SECONDS.labels("queue").observe(time.monotonic() - part.queued)
        if parts:
            self._queue.move_to_end(request)
        else:
            del self._queue[request]

    def _learn(self, tokens: int, seconds: float) -> None:
        """Small batches say little about the speed at full load, unless they are faster."""
        seen = len(self._workers) * tokens / max(seconds, 1e-6)
        if tokens >= min(ENOUGH, self.budget) or seen > self.rate > 0:
            self._speeds.append(seen)
            if len(self._speeds) >= LEAST_SPEEDS:
                self.rate = median(self._speeds)


def _is_dead(part: Part) -> bool:
    """Whether nobody wants the part any more; one past its deadline gets its error here."""
    if part.future.done():
        return True
    if time.monotonic() > part.deadline:
        _deliver([part], [DeadlineError("the request was not done in time")])
        return True
    return False


def _deliver(batch: Sequence[Part], results: Sequence[Result | Exception]) -> None:
    """Hand all results over in one hop to each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[Part, Result | Exception]]] = {}
    for part, result in zip(batch, results, strict=True):
        loops.setdefault(part.future.get_loop(), []).append((part, result))
    for loop, pairs in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, pairs)


def _settle(pairs: Sequence[tuple[Part, Result | Exception]]) -> None:
    for part, result in pairs:
        if part.future.done():
            continue
        if isinstance(result, Exception):
            part.future.set_exception(result)
        else:
            part.future.set_result(result)
