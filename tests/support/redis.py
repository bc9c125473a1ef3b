"""A Redis of one's own, as `xite serve` starts it, but quicker: it is not killed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import BusyLoadingError, ConnectionError, Redis, TimeoutError

from app.jobs.connection import connect
from app.jobs.queue import JobQueue
from app.jobs.store import JobStore
from app.processes.redis_server import command, socket_url


@contextmanager
def redis_server(home: Path) -> Iterator[str]:
    """The URL of a server that runs during the block."""
    home.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen([*command(home), "--appendfsync", "no"])
    try:
        url = socket_url(home)
        wait_until_up(url)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def store_on(connection: Redis) -> JobStore:
    """A store with its queue."""
    return JobStore(connection, JobQueue(connection, 60))


@contextmanager
def connected(url: str) -> Iterator[Redis]:
    """A connection that is closed."""
    connection = connect(url)
    try:
        yield connection
    finally:
        connection.close()


def wait_until_up(url: str, seconds: float = 30.0) -> None:
    """Wait until the server answers."""
    until = time.monotonic() + seconds
    with connected(url) as client:
        while True:
            try:
                client.ping()
                return
            except (ConnectionError, BusyLoadingError, TimeoutError):
                assert time.monotonic() < until, "Redis does not answer"
                time.sleep(0.02)
