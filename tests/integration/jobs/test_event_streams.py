"""Server-sent events on a real Redis: replay, gap, heartbeat, end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from app.jobs import store as store_module
from app.jobs import streaming
from app.jobs.records import Job, JobKind, JobStatus, Progress, new_job_id
from app.jobs.schemas import EventBody
from app.jobs.service import Jobs
from app.jobs.store import JobStore
from app.jobs.streaming import EventStreams
from app.settings.service import Settings


@pytest.fixture
def job(store: JobStore) -> Job:
    made = store.create(Job(new_job_id(), JobKind.AUGMENT, JobStatus.QUEUED, time.time()), {})
    claimed = store.claim(made.id, 1, "worker")
    assert claimed is not None
    return claimed


@pytest.fixture
def jobs(redis_url: str, tmp_path: Path) -> Iterator[Jobs]:
    jobs = Jobs(Settings(home=tmp_path, redis_url=redis_url))
    yield jobs
    jobs.close()


def told(piece: bytes) -> EventBody | None:
    """The event of a piece; ``None`` for a comment."""
    lines = dict(line.split(": ", 1) for line in piece.decode().splitlines() if line and not line.startswith(":"))
    if not lines:
        return None
    event = EventBody.model_validate_json(lines["data"])
    assert (str(event.id), event.type) == (lines["id"], lines["event"])
    return event


def with_streams(url: str, act: Callable[[EventStreams], Awaitable[None]]) -> None:
    async def run() -> None:
        streams = EventStreams(url)
        try:
            await asyncio.wait_for(act(streams), 60)
        finally:
            await streams.close()

    asyncio.run(run())


async def ids(stream: AsyncIterator[bytes]) -> list[int]:
    return [event.id async for piece in stream if (event := told(piece))]


def test_replay_then_what_happens_then_the_end(redis_url: str, jobs: Jobs, store: JobStore, job: Job) -> None:
    """Three followers share a reader; one of them has seen the first two events."""

    async def act(streams: EventStreams) -> None:
        followers = [asyncio.create_task(ids(streams.follow(jobs, job.id, after))) for after in (0, 2, 0)]
        await asyncio.sleep(0.3)
        for step in range(1, 4):
            await asyncio.to_thread(store.report, job, Progress(step))
            await asyncio.sleep(0.05)
        await asyncio.to_thread(store.finish, job, JobStatus.SUCCEEDED, result={})
        assert await asyncio.gather(*followers) == [[1, 2, 3, 4, 5, 6], [3, 4, 5, 6], [1, 2, 3, 4, 5, 6]]

    with_streams(redis_url, act)


def test_an_ended_job_is_told_and_the_stream_ends(redis_url: str, jobs: Jobs, store: JobStore, job: Job) -> None:
    store.finish(job, JobStatus.FAILED, error={"code": "a", "message": "b"})

    async def act(streams: EventStreams) -> None:
        assert await ids(streams.follow(jobs, job.id, 1)) == [2, 3]
        assert await ids(streams.follow(jobs, job.id, 3)) == []

    with_streams(redis_url, act)


def test_a_gap_is_told(redis_url: str, jobs: Jobs, store: JobStore, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "KEPT_EVENTS", 3)
    for step in range(10):
        store.report(job, Progress(step))
    store.finish(job, JobStatus.SUCCEEDED, result={})

    async def act(streams: EventStreams) -> None:
        found = [told(piece) async for piece in streams.follow(jobs, job.id, 1)]
        assert [(event.id, event.type) for event in found if event] == [
            (10, "gap"), (11, "progress"), (12, "progress"), (13, "status"),
        ]  # fmt: skip
        assert found[0] is not None
        assert found[0].data == {"first_missing": 2, "next": 11}
        again = [told(piece) async for piece in streams.follow(jobs, job.id, 10)]
        assert [event.type for event in again if event] == ["progress", "progress", "status"]

    with_streams(redis_url, act)


def test_many_events_come_in_pages(
    redis_url: str, jobs: Jobs, store: JobStore, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_PAGE", 4)
    for step in range(10):
        store.report(job, Progress(step))
    store.finish(job, JobStatus.SUCCEEDED, result={})
    with_streams(redis_url, lambda streams: _whole(streams, jobs, job))


async def _whole(streams: EventStreams, jobs: Jobs, job: Job) -> None:
    assert await ids(streams.follow(jobs, job.id, 0)) == [*range(1, 14)]


def test_silence_gets_a_comment(redis_url: str, jobs: Jobs, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT", 0.1)

    async def act(streams: EventStreams) -> None:
        stream = streams.follow(jobs, job.id, 2)
        assert (await anext(stream)).startswith(b": ")
        assert (await anext(stream)).startswith(b": ")
        await stream.aclose()  # type: ignore[attr-defined]

    with_streams(redis_url, act)


def test_streams_end_with_the_service(redis_url: str, jobs: Jobs, job: Job) -> None:
    async def act(streams: EventStreams) -> None:
        follower = asyncio.create_task(ids(streams.follow(jobs, job.id, 0)))
        await asyncio.sleep(0.3)
        begun = time.monotonic()
        streams.end()
        assert await follower == [1, 2]
        assert time.monotonic() - begun < 2

    with_streams(redis_url, act)


def test_a_job_that_is_forgotten_ends_its_streams(
    redis_url: str, jobs: Jobs, store: JobStore, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT", 0.3)

    async def act(streams: EventStreams) -> None:
        follower = asyncio.create_task(ids(streams.follow(jobs, job.id, 2)))
        await asyncio.sleep(0.2)
        ended = await asyncio.to_thread(store.finish, job, JobStatus.FAILED)
        assert await asyncio.to_thread(store.delete, ended)
        assert await follower in ([], [3])  # the end may have been told before

    with_streams(redis_url, act)
