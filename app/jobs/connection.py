"""Connections to Redis."""

from __future__ import annotations

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,
)
from redis.retry import Retry

AWAY = (ConnectionError, TimeoutError, BusyLoadingError, OutOfMemoryError, ReadOnlyError)
"""What is raised while Redis cannot be reached or takes no writes; all else is an error of ours."""

TIMEOUT = 5.0

__all__ = ["AWAY", "RedisError", "connect", "connect_async"]


def connect(url: str) -> Redis:
    """A connection that fails at once where Redis is away: who can wait, waits on his own."""
    return Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 1))


def connect_async(url: str) -> AsyncRedis:
    """The same for the event loop."""
    return AsyncRedis.from_url(url, socket_connect_timeout=TIMEOUT)
