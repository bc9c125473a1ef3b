"""Two services on one data directory: the one that is left goes on with Redis, whatever ends the other."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.jobs import REDIS, Installation, build, request

SOON = 30.0
"""Seconds; it takes a few, most of them until the worker is started again."""


@pytest.fixture
def services(tmp_path: Path) -> Iterator[tuple[Installation, Installation]]:
    build(tmp_path)
    pair = Installation(tmp_path), Installation(tmp_path)
    try:
        for service in pair:
            service.start()
        yield pair
    finally:
        for service in pair:
            service.stop()


def servers(*services: Installation) -> list[int]:
    """Processes that are Redis, not those that wait to become it."""
    running = [service for service in services if service.process is not None]
    return [pid for service in running for pid in service.pids(REDIS) if psutil.Process(pid).name() == REDIS]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_second_service_takes_redis_over(services: tuple[Installation, Installation], sent: signal.Signals) -> None:
    first, second = services
    before = first.submit(request(2, bundle="before"))
    first.wait_for(before, "succeeded")
    assert len(servers(first)) == 1
    assert not servers(second)
    assert first.process is not None
    os.kill(first.process.pid, sent)
    first.process.wait(60)
    first.process = None
    second.until(lambda: len(servers(second)) == 1, "Redis of the second service", SOON)
    assert second.job(before)["status"] == "succeeded"
    second.wait_for(second.submit(request(2, bundle="after")), "succeeded", seconds=SOON)


def test_redis_killed_alone_runs_once_again(services: tuple[Installation, Installation]) -> None:
    """Either of the two has it then."""
    first, second = services
    (before,) = servers(*services)
    os.kill(before, signal.SIGKILL)
    first.until(lambda: len(set(servers(*services)) - {before}) == 1, "Redis", SOON)
    second.wait_for(second.submit(request(2)), "succeeded", seconds=SOON)
    assert len(servers(*services)) == 1
