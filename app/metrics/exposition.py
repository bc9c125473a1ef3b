"""The numbers of all processes as one text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, REGISTRY, CollectorRegistry, disable_created_metrics
from prometheus_client import generate_latest as _rendered
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from app.metrics.sharing import VARIABLE

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
JobCounts = Callable[[], Mapping[str, int]]
"""Counts the jobs by state; may raise when Redis is away."""

disable_created_metrics()  # type: ignore[no-untyped-call]


def exposition(job_counts: JobCounts | None = None) -> bytes:
    """Render all numbers; blocking, so not for the event loop.

    Parameters
    ----------
    job_counts : callable, optional
        Tells the jobs by state, which are the same for all processes.
    """
    shared = os.environ.get(VARIABLE)
    if shared:
        _forget_the_dead(Path(shared))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, shared)  # type: ignore[no-untyped-call]
    else:
        registry = REGISTRY
    jobs = CollectorRegistry()
    if job_counts is not None:
        jobs.register(_Jobs(job_counts))
    return _rendered(registry) + _rendered(jobs)


class _Jobs(Collector):
    def __init__(self, counts: JobCounts) -> None:
        self._counts = counts

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Registering must not ask Redis."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("xite_redis_up", "1 where Redis answers")
        try:
            counts = self._counts()
        except Exception:
            # a scrape has to succeed, above all when something is wrong
            up.add_metric((), 0)
            yield up
            return
        up.add_metric((), 1)
        yield up
        jobs = GaugeMetricFamily("xite_jobs", "Jobs by state", labels=("state",))
        for state, count in counts.items():
            jobs.add_metric((state,), count)
        yield jobs


def _forget_the_dead(folder: Path) -> None:
    """Take out the gauges of processes that ended without saying so."""
    for path in folder.glob("gauge_live*_*.db"):
        found = re.fullmatch(r"gauge_[a-z]+_(\d+)\.db", path.name)
        if found and not Path("/proc", found[1]).exists():
            mark_process_dead(int(found[1]), str(folder))  # type: ignore[no-untyped-call]
