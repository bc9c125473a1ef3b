"""A worker without a job."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from redis import Redis

from tests.support.command import XITE, environment
from tests.support.redis import connected, redis_server


def is_idle(connection: Redis) -> bool:
    names = [bytes(name) for name in connection.smembers("rq:workers")]
    return any(connection.hget(name.decode(), "state") == b"idle" for name in names)


def test_an_idle_worker_ends_within_two_seconds(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url, connected(url) as connection:
        settings = {**environment(tmp_path), "XITE_REDIS_URL": url}
        worker = subprocess.Popen([*XITE, "worker"], env=settings, cwd=tmp_path)
        try:
            until = time.monotonic() + 60
            while not is_idle(connection):
                assert worker.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
            worker.terminate()
            assert worker.wait(timeout=2) == 0
        finally:
            worker.kill()
            worker.wait()
