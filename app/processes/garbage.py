"""Garbage collection during a start."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Let the block make what stays: nothing is collected during it, and what it leaves is not looked at again.

    The imports of the numeric libraries make some 400,000 lasting objects. Looking through them again and again takes a
    tenth of the start, and each later look at all of them stops the process for a third of a second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
