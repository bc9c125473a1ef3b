"""Work on any number of texts in portions, as annotation tools send them: all at once, and with time to wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from app.errors import BusyError, DeadlineError
from xite_core.types import Example

T = TypeVar("T")

PORTION = 256
"""Texts that are admitted together: a set of thousands leaves room for other requests between."""

PATIENCE = 95.0
"""Seconds for all texts of a call; Label Studio waits 100 for an answer."""


async def in_portions(
    examples: Sequence[Example], work: Callable[[Sequence[Example]], Awaitable[T]], patience: float = PATIENCE
) -> list[T]:
    """Do the work on one portion after the other; where the service is busy, wait and go on with the same portion.

    Parameters
    ----------
    examples : sequence of Example
        All texts.
    work : callable
        What is done with a portion.
    patience : float
        Seconds for all of it.

    Returns
    -------
    list
        What the work gave, one item a portion.

    Raises
    ------
    DeadlineError
        If it takes longer.
    XiteError, ServiceError
        What the work raises.
    """
    until = time.monotonic() + patience
    done: list[T] = []
    try:
        async with asyncio.timeout(patience):
            while len(done) * PORTION < len(examples):
                start = len(done) * PORTION
                done.append(await _patiently(work, examples[start : start + PORTION], until))
    except TimeoutError:
        count = min(len(done) * PORTION, len(examples))
        raise DeadlineError(f"{count} of {len(examples)} texts were done within {patience:g} s") from None
    return done


async def _patiently(work: Callable[[Sequence[Example]], Awaitable[T]], portion: Sequence[Example], until: float) -> T:
    while True:
        try:
            return await work(portion)
        except BusyError as error:
            wait = max(error.retry_after or 1.0, 0.1)
            if time.monotonic() + wait > until:
                raise
            await asyncio.sleep(wait)
