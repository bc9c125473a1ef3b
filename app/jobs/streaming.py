"""Server-sent events: every follower replays what it missed, then waits for the one reader of its job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from fastapi.sse import format_sse_event
from redis.asyncio import Redis

from app.errors import JobNotFoundError, JobsAwayError
from app.jobs.connection import AWAY, connect_async
from app.jobs.schemas import EventBody
from app.jobs.service import Jobs, event_bodies
from app.jobs.store import events_key

EVENT_STREAM = "text/event-stream"
HEARTBEAT = 10.0
"""Seconds after which a silent stream gets a comment, so that proxies keep it open."""

_PAGE = 200
_BLOCK_MS = 1000
_PAUSE = 1.0


class EventStreams:
    """The open streams of this process.

    Parameters
    ----------
    url : str, optional
        Of Redis.
    """

    def __init__(self, url: str | None) -> None:
        self._redis: Redis | None = connect_async(url) if url else None
        self._feeds: dict[str, _Feed] = {}
        self._closing = asyncio.Event()

    async def follow(self, jobs: Jobs, job_id: str, after: int) -> AsyncIterator[bytes]:
        """Events behind ``after`` as they happen, until the job has ended or the service stops."""
        feed = self._join(job_id, after)
        try:
            while not self._closing.is_set():
                seen = feed.count
                ended, found = await self._read(jobs, job_id, after)
                if found and found[0].id > after + 1:
                    missed = {"first_missing": after + 1, "next": found[0].id}
                    gap = EventBody(id=found[0].id - 1, type="gap", created_at=found[0].created_at, data=missed)
                    yield _rendered(gap)
                for event in found:
                    yield _rendered(event)
                    after = event.id
                if len(found) == _PAGE:
                    continue
                if ended:
                    return
                if not await feed.wait(seen, HEARTBEAT):
                    yield format_sse_event(comment="still here")
        finally:
            self._leave(job_id, feed)

    def end(self) -> None:
        """End all streams, as soon as they have told what they know."""
        self._closing.set()
        for feed in list(self._feeds.values()):
            feed.close()

    async def close(self) -> None:
        """End all streams and close the connection."""
        self.end()
        if self._redis is not None:
            await self._redis.aclose()

    @staticmethod
    async def _read(jobs: Jobs, job_id: str, after: int) -> tuple[bool, list[EventBody]]:
        """Whether the job had ended before the events were read, and the events; nothing while Redis is away."""
        try:
            ended = (await jobs.get(job_id)).status.is_terminal
            found, _ = await jobs.events(job_id, after, _PAGE)
            return ended, event_bodies(found)
        except JobsAwayError:
            await asyncio.sleep(_PAUSE)
            return False, []
        except JobNotFoundError:
            return True, []

    def _join(self, job_id: str, after: int) -> _Feed:
        feed = self._feeds.get(job_id)
        if feed is not None and after < feed.start:  # it would not wake this follower for what lies between
            feed = None
        if feed is None:
            assert self._redis is not None
            feed = self._feeds[job_id] = _Feed(self._redis, job_id, after)
        feed.followers += 1
        return feed

    def _leave(self, job_id: str, feed: _Feed) -> None:
        feed.followers -= 1
        if feed.followers:
            return
        feed.close()
        if self._feeds.get(job_id) is feed:
            del self._feeds[job_id]


class _Feed:
    """The one reader of a job's stream in this process; it only says that there is news."""

    def __init__(self, redis: Redis, job_id: str, after: int) -> None:
        self.followers, self.count, self.start = 0, 0, after
        self._redis, self._key, self._last = redis, events_key(job_id), f"{after}".encode()
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._listen())

    async def wait(self, seen: int, seconds: float) -> bool:
        """Wait for news since ``seen`` was read from `count`; whether there is any."""
        if self.count != seen:
            return True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
        return self.count != seen

    def close(self) -> None:
        self._task.cancel()
        self._wake()

    def _wake(self) -> None:
        self.count += 1
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _listen(self) -> None:
        while True:
            try:
                found: Any = await self._redis.xread({self._key: self._last}, block=_BLOCK_MS, count=_PAGE)
            except AWAY:
                await asyncio.sleep(_PAUSE)
                self._wake()
                continue
            if found:
                streams = found.values() if isinstance(found, dict) else [entries for _, entries in found]
                for entries in streams:
                    self._last = entries[-1][0]
                self._wake()


def _rendered(event: EventBody) -> bytes:
    return format_sse_event(data_str=event.model_dump_json(), event=event.type, id=str(event.id))
