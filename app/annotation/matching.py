"""Match any number of texts in portions, as annotation tools send them: all at once, and with time to wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from app.errors import BusyError, DeadlineError
from app.runtime import Resident, Runtime
from xite_core.options import AugmentOptions
from xite_core.types import AugmentedText, Example

PORTION = 256
"""Texts that are admitted together: a set of thousands leaves room for other requests between."""

PATIENCE = 95.0
"""Seconds for all texts of a call; Label Studio waits 100 for an answer."""


async def match_all(
    runtime: Runtime,
    resident: Resident,
    examples: Sequence[Example],
    options: AugmentOptions,
    patience: float = PATIENCE,
) -> list[AugmentedText]:
    """Match texts in their order; where the service is busy, wait instead of failing with half of the work done.

    Raises
    ------
    DeadlineError
        If it takes longer than ``patience`` seconds.
    XiteError, ServiceError
        As `Runtime.augment` says.
    """
    until = time.monotonic() + patience
    done: list[AugmentedText] = []
    try:
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + patience):
            for start in range(0, len(examples), PORTION):
                portion = examples[start : start + PORTION]
                done += await _portion(runtime, resident, portion, options, until)
    except TimeoutError:
        raise DeadlineError(f"{len(done)} of {len(examples)} texts were matched within {patience:g} s") from None
    return done


async def _portion(
    runtime: Runtime, resident: Resident, examples: Sequence[Example], options: AugmentOptions, until: float
) -> list[AugmentedText]:
    while True:
        try:
            return (await runtime.augment(resident, examples, options, interpolate=False)).texts
        except BusyError as error:
            wait = error.retry_after or 1.0
            if time.monotonic() + wait > until:
                raise
            await asyncio.sleep(wait)
