"""From texts to augmentations: admission, tokenizing in a small pool, batches in the compute thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import structlog

from app.errors import DeadlineError, NotReadyError
from app.logs import frames
from app.metrics.instruments import stage
from app.processes.garbage import no_collection
from app.runtime.admission import Admission, estimated_tokens
from app.runtime.batching import Batcher
from app.runtime.engine import Part, Plan, Result
from app.runtime.residents import Resident, Residents
from app.settings.service import Settings
from app.tracing import span
from xite_core.augmenter import Augmentation
from xite_core.encoder.protocol import Encoder, Tokenized
from xite_core.errors import RowError
from xite_core.options import AugmentOptions
from xite_core.types import Encoded, Example

T = TypeVar("T")
log = structlog.get_logger(__name__)

PART_TEXTS = 64
"""Texts of a big request that are tokenized and queued as one."""


class Runtime:
    """Everything that computes in this process; belongs to one event loop.

    Parameters
    ----------
    settings : Settings
        Limits and times.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.residents = Residents(settings.home, settings.default_bundle)
        self.admission = Admission(settings.queue_tokens, settings.queue_seconds, settings.batch_tokens)
        self.batcher = Batcher(
            settings.batch_tokens,
            settings.batch_wait_ms / 1000,
            settings.stall_seconds,
            threads=settings.compute_threads,
        )
        self._tokenizers = ThreadPoolExecutor(settings.tokenizer_threads, "tokenize")
        self._poll = asyncio.create_task(self._watch())
        self._stopping = False

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return self.residents.ready and not self._stopping

    async def augment(
        self, resident: Resident, examples: Sequence[Example], options: AugmentOptions, *, interpolate: bool
    ) -> Augmentation:
        """Match and interpolate with a snapshot of a bundle.

        Raises
        ------
        InputError
            If a text cannot be used.
        BusyError, NotReadyError, DeadlineError
            If it cannot be done now.
        """
        parts = await self._compute(resident.encoder, examples, Plan(resident.augmenter, options, interpolate))
        made = [part for part in parts if isinstance(part, Augmentation)]
        texts = [text for part in made for text in part.texts]
        return Augmentation(texts, options, np.concatenate([part.neighbors for part in made]))

    async def encode(self, encoder: Encoder, examples: Sequence[Example]) -> Encoded:
        """Unit vectors alone; raises as `augment` does."""
        made = [part for part in await self._compute(encoder, examples, None) if isinstance(part, Encoded)]
        return Encoded.joined(made)

    async def in_pool(self, function: Callable[[], T]) -> T:
        """Run short work, such as rendering a big answer, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._tokenizers, function)

    async def close(self) -> None:
        """Stop following activations, finish what is queued."""
        self._stopping = True
        self._poll.cancel()
        self.residents.close()
        await asyncio.to_thread(self.batcher.close)
        self._tokenizers.shutdown(wait=False, cancel_futures=True)

    async def _compute(self, encoder: Encoder, examples: Sequence[Example], plan: Plan | None) -> list[Result]:
        if self._stopping:
            raise NotReadyError("the service is stopping")
        cost = estimated_tokens(examples, encoder.spec.max_tokens)
        deadline = time.monotonic() + self.settings.deadline_seconds
        with self.admission.admit(cost, self.batcher.rate):
            try:
                async with asyncio.timeout(self.settings.deadline_seconds):
                    return await self._parts(encoder, examples, plan, deadline)
            except TimeoutError:
                raise DeadlineError(f"not done within {self.settings.deadline_seconds:g} s") from None

    async def _parts(
        self, encoder: Encoder, examples: Sequence[Example], plan: Plan | None, deadline: float
    ) -> list[Result]:
        request = object()

        def one(start: int) -> Coroutine[Any, Any, Result]:
            return self._part(request, encoder, start, examples[start : start + PART_TEXTS], plan, deadline)

        if len(examples) <= PART_TEXTS:
            return [await one(0)]
        return await _all_or_none([one(start) for start in range(0, len(examples), PART_TEXTS)])

    async def _part(
        self,
        request: object,
        encoder: Encoder,
        start: int,
        examples: Sequence[Example],
        plan: Plan | None,
        deadline: float,
    ) -> Result:
        loop = asyncio.get_running_loop()
        self.batcher.announce(1)
        try:
            with span("tokenize", texts=len(examples)):
                tokenized = await loop.run_in_executor(self._tokenizers, _tokenize, encoder, examples, start)
            part = Part(request, encoder, examples, tokenized, plan, deadline, loop.create_future())
            self.admission.learn(estimated_tokens(examples, encoder.spec.max_tokens), part.tokens)
            self.batcher.submit(part)
        finally:
            self.batcher.announce(-1)
        with span("compute", tokens=part.tokens):  # its wait in the queue included
            return await part.future

    async def _watch(self) -> None:
        with no_collection():
            await self._follow(self.residents.start)
        while True:
            await asyncio.sleep(self.settings.poll_seconds)
            self.batcher.check()
            await self._follow(self.residents.refresh)

    @staticmethod
    async def _follow(step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """One bad moment of the disk must not end the watching."""
        try:
            await step()
        except Exception as error:
            log.error("watching failed", error=type(error).__name__, frames=frames(error))


async def _all_or_none(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all; the first failure cancels the rest and is raised as it is."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _tokenize(encoder: Encoder, examples: Sequence[Example], start: int) -> Tokenized:
    """Tokenize a part; a bad text is named by its position in the whole request."""
    try:
        with stage("tokenize"):
            return encoder.tokenize(examples)
    except RowError as error:
        raise RowError(error.where, start + error.row, error.problem, error.unit) from None
