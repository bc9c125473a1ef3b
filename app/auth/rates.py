"""Requests a minute of each key, counted in Redis so that all processes and machines share the count."""

from __future__ import annotations

import time

import structlog
from redis import asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.errors import RateLimitedError

log = structlog.get_logger(__name__)
WINDOW = 60
PATIENCE = 0.25
"""Seconds that a request may wait for Redis."""

REST = 5.0
"""Seconds that Redis is left alone after it failed."""


class RateLimiter:
    """A sliding window of a minute: this minute's count, and the last one's as far as it still counts.

    Parameters
    ----------
    url : str, optional
        Where Redis is; without one nothing is limited.
    """

    def __init__(self, url: str | None) -> None:
        # one attempt each: a Redis that is away must not hold requests up
        once = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, "retry": Retry(NoBackoff(), 0)}
        self._redis = redis.from_url(url, **once) if url else None
        self._resting_until = 0.0

    async def take(self, name: str, limit: int | None) -> None:
        """Count a request of a key. While Redis is away nothing is counted and nothing refused.

        Raises
        ------
        RateLimitedError
            If the key has used up its minute.
        """
        if self._redis is None or limit is None or time.monotonic() < self._resting_until:
            return
        now = time.time()
        try:
            used = await self._used(self._redis, name, now)
        except (RedisError, OSError, TimeoutError) as error:
            self._resting_until = time.monotonic() + REST
            log.warning("requests are not limited: Redis is away", error=type(error).__name__)
            return
        if used > limit:
            raise RateLimitedError(limit, WINDOW - now % WINDOW)

    async def close(self) -> None:
        """Close the connections."""
        if self._redis is not None:
            await self._redis.aclose()

    @staticmethod
    async def _used(connection: redis.Redis, name: str, now: float) -> float:
        window = int(now // WINDOW)
        async with connection.pipeline(transaction=True) as pipe:
            pipe.incr(f"xite:rate:{name}:{window}")
            pipe.expire(f"xite:rate:{name}:{window}", 2 * WINDOW)
            pipe.get(f"xite:rate:{name}:{window - 1}")
            current, _, last = await pipe.execute()
        return float(current) + int(last or 0) * (1 - now % WINDOW / WINDOW)
