"""Stopping in order: notice of the signal, a while of refusing new requests, then the server's own way of stopping."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def told_of_stop(act: Callable[[], None], delay: float = 0.0) -> Iterator[None]:
    """Have ``act`` called in the event loop at SIGTERM or SIGINT, before the server stops.

    Outside the main thread, as in tests, there are no signals, and nothing is done.

    Parameters
    ----------
    act : callable
        Ends streams, which have to end by themselves, and makes new requests refused.
    delay : float
        Seconds that the server goes on listening after SIGTERM, so that a load balancer can notice and turn away
        before connections are refused. A second signal, and SIGINT, stop it at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    present = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    told = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal told
        loop.call_soon_threadsafe(act)
        handler = present[signal.Signals(number)]
        if not callable(handler):
            return
        if number == signal.SIGTERM and delay and not told:
            told = True
            loop.call_soon_threadsafe(loop.call_later, delay, handler, number, None)
        else:
            handler(number, frame)

    for number in present:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in present.items():
            signal.signal(number, handler)
