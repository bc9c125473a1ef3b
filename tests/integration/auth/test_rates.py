"""Rates of keys, in a real Redis, also one that hangs or is gone."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.auth.keys import add_key
from app.auth.rates import RateLimiter
from app.auth.scopes import Scope
from app.errors import RateLimitedError
from app.processes.redis_server import command, socket_url
from tests.support.redis import wait_until_up
from tests.support.service import NAME, build, running, source


class Redis:
    def __init__(self, home: Path) -> None:
        self.url = socket_url(home)
        self.process = subprocess.Popen(command(home))
        wait_until_up(self.url)


@pytest.fixture
def redis() -> Iterator[Redis]:
    home = Path(tempfile.mkdtemp(prefix="xite-test-"))
    server = Redis(home)
    yield server
    server.process.kill()
    server.process.wait()
    shutil.rmtree(home)


async def admitted(limiter: RateLimiter, name: str, calls: int, limit: int) -> int:
    count = 0
    for _ in range(calls):
        try:
            await limiter.take(name, limit)
            count += 1
        except RateLimitedError:
            continue
    return count


def test_each_key_has_its_own_minute_over_all_processes(redis: Redis) -> None:
    async def scenario() -> tuple[int, int, int]:
        one, other = RateLimiter(redis.url), RateLimiter(redis.url)
        counts = (await admitted(one, "a", 7, 10), await admitted(other, "a", 7, 10), await admitted(other, "b", 7, 10))
        await one.close()
        await other.close()
        return counts

    while time.time() % 60 > 55:  # the window must not change in the middle
        time.sleep(0.5)
    assert asyncio.run(scenario()) == (7, 3, 7)


def test_a_redis_that_hangs_or_dies_refuses_nothing(redis: Redis) -> None:
    async def scenario() -> tuple[float, int]:
        limiter = RateLimiter(redis.url)
        assert await admitted(limiter, "a", 2, 1) == 1
        redis.process.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        count = await admitted(limiter, "a", 20, 1)
        await limiter.close()
        return time.monotonic() - started, count

    seconds, count = asyncio.run(scenario())
    assert count == 20
    assert seconds < 2, "one wait at most, then Redis is left alone for a while"


def test_the_service_says_when_to_come_back(redis: Redis, tmp_path: Path) -> None:
    build(tmp_path, NAME, source())
    key = add_key(tmp_path / "api-keys.json", "slow", [Scope.READ], rate_limit=3)
    headers = {"Authorization": f"Bearer {key}"}
    with running(tmp_path, redis_url=redis.url) as service:
        answers = [httpx.get(service.url + "/info", headers=headers) for _ in range(9)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert refused[0].json()["type"] == "urn:xite:problem:rate-limited"
        assert 1 <= int(refused[0].headers["retry-after"]) <= 60
        redis.process.kill()
        assert httpx.get(service.url + "/info", headers=headers).status_code == 200
        assert httpx.post(service.url + "/match", json={"inputs": ["good"]}, headers=headers).status_code == 200
