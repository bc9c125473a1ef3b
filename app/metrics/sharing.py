"""Where several processes put their numbers; no heavy imports, since it comes before ``prometheus_client``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_metrics(processes: int) -> Iterator[None]:
    """Let the processes started within the block share a directory of numbers, new and empty, gone afterwards.

    A single process keeps its numbers to itself, and can then tell its memory and descriptors too.
    """
    if processes == 1 or os.environ.get(VARIABLE):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="xite-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[VARIABLE]
