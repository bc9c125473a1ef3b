from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from app.jobs.store import JobStore
from tests.support.redis import connected, redis_server, store_on


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def connection(redis_url: str) -> Iterator[Redis]:
    with connected(redis_url) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def store(connection: Redis) -> JobStore:
    return store_on(connection)
