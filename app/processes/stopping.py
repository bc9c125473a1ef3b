"""Notice of a stop signal before the server waits for its open connections: streams have to end by themselves."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def told_of_stop(act: Callable[[], None]) -> Iterator[None]:
    """Have ``act`` called in the event loop at SIGTERM or SIGINT, beside what the server does then.

    Outside the main thread, as in tests, there are no signals, and nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    present = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(act)
        handler = present[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in present:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in present.items():
            signal.signal(number, handler)
