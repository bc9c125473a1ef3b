"""The jobs in Redis: every change is one transaction that compares before it sets.

Keys: ``xite:job:ID`` the record, ``:spec`` what was asked for, ``:events`` a stream, ``:lease`` held by the attempt at
work; ``xite:jobs`` all ids by time, ``xite:jobs:in:STATE`` those in a state, ``xite:jobs:active`` those that somebody
has to look after, ``xite:idempotency:*``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import orjson
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError

from app.errors import FieldError, IdempotencyError, JobNotFoundError
from app.jobs import transitions
from app.jobs.queue import JobQueue
from app.jobs.records import Event, Job, JobStatus, Progress, StoredEvent, is_of_this_format
from app.jobs.transitions import Change, FencedError

ALL, ACTIVE = "xite:jobs", "xite:jobs:active"
KEPT_EVENTS = 5000
IDEMPOTENCY_SECONDS = 7 * 86400


class JobStore:
    """All jobs of an installation.

    Parameters
    ----------
    connection : Redis
        Bytes in, bytes out.
    queue : JobQueue
        Where accepted jobs wait.
    """

    def __init__(self, connection: Redis, queue: JobQueue) -> None:
        self._redis, self._queue = connection, queue

    def create(self, job: Job, spec: Mapping[str, Any], idempotency: tuple[str, str] | None = None) -> Job:
        """Record a job and queue it, in one transaction.

        Parameters
        ----------
        job : Job
            Queued, never delivered.
        spec : mapping
            What it is to do, as JSON values.
        idempotency : pair of str, optional
            The caller's key, and a digest of what it asked for.

        Returns
        -------
        Job
            The new one, or the one that the same key made before.

        Raises
        ------
        IdempotencyError
            If the key was used for something else.
        """
        key = _idempotency_key(idempotency[0]) if idempotency else f"{_key(job.id)}:unused"
        with self._redis.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(key)  # type: ignore[no-untyped-call]
                    if idempotency and (known := self._known(pipe, key, idempotency[1])):
                        return known
                    pipe.multi()
                    if idempotency:
                        value = orjson.dumps({"job": job.id, "digest": idempotency[1]})
                        pipe.set(key, value, ex=IDEMPOTENCY_SECONDS)
                    pipe.set(_key(job.id, "spec"), orjson.dumps(spec))
                    pipe.zadd(ALL, {job.id: job.created_at})
                    stored = self._write(pipe, None, transitions.accepted(job))
                    pipe.execute()
                    return stored
                except WatchError:
                    continue

    def known(self, idempotency: tuple[str, str]) -> Job | None:
        """The job that a key made before, if it did.

        Raises
        ------
        IdempotencyError
            If the key was used for something else.
        """
        with self._redis.pipeline() as pipe:
            pipe.watch(_idempotency_key(idempotency[0]))  # type: ignore[no-untyped-call]
            return self._known(pipe, _idempotency_key(idempotency[0]), idempotency[1])

    def get(self, job_id: str) -> Job:
        """One job.

        Raises
        ------
        JobNotFoundError
            If there is none of that id.
        """
        return _loaded(cast("bytes | None", self._redis.get(_key(job_id))), job_id)

    def spec(self, job_id: str) -> dict[str, Any]:
        """What a job is to do."""
        found = cast("bytes | None", self._redis.get(_key(job_id, "spec")))
        if found is None:
            raise JobNotFoundError(job_id)
        return cast("dict[str, Any]", orjson.loads(found))

    def page(self, after: str | None, limit: int) -> tuple[list[Job], bool]:
        """Jobs, the newest first, and whether there are more.

        Raises
        ------
        FieldError
            If ``after`` is no job.
        """
        first = 0
        if after is not None:
            rank = self._redis.zrevrank(ALL, after)
            if rank is None:
                raise FieldError("there is no such job", "after")
            first = cast("int", rank) + 1
        ids = [i.decode() for i in cast("list[bytes]", self._redis.zrevrange(ALL, first, first + limit))]
        found = cast("list[bytes | None]", self._redis.mget([_key(i) for i in ids])) if ids else []
        jobs = [Job.loads(text) for text in found if text is not None]
        return jobs[:limit], len(ids) > limit

    def active(self) -> list[Job]:
        """Jobs of this format that have not ended, and those whose result waits for activation."""
        ids = sorted(i.decode() for i in cast("set[bytes]", self._redis.smembers(ACTIVE)))
        found = cast("list[bytes | None]", self._redis.mget([_key(i) for i in ids])) if ids else []
        return [Job.loads(text) for text in found if text is not None and is_of_this_format(text)]

    def needing(self, name: str) -> Job | None:
        """A job that has not ended and whose specification refers to a dataset or revision of that name."""
        for job in self.active():
            with suppress(JobNotFoundError):  # deleted meanwhile
                if not _is_over(job) and _refers(self.spec(job.id), name):
                    return job
        return None

    def older_than(self, moment: float) -> list[Job]:
        """Ended jobs made before a moment."""
        ids = cast("list[bytes]", self._redis.zrangebyscore(ALL, 0, moment))
        found = cast("list[bytes | None]", self._redis.mget([_key(i.decode()) for i in ids])) if ids else []
        jobs = [Job.loads(text) for text in found if text is not None]
        return [job for job in jobs if _is_over(job) and (job.finished_at or job.created_at) < moment]

    def claim(self, job_id: str, delivery: int, worker: str) -> Job | None:
        """Begin an attempt; ``None`` where this delivery is out of date or the job is no longer there."""
        try:
            before, after = self._change(job_id, lambda job: transitions.claimed(job, delivery, worker))
        except JobNotFoundError:
            return None
        return after if after is not before else None

    def hold(self, job: Job, seconds: float) -> Job:
        """Renew the attempt's lease and give the record as it is now.

        Raises
        ------
        FencedError
            If the attempt no longer holds the job.
        """
        try:
            present = transitions.held(self.get(job.id), job.attempt)
        except JobNotFoundError:
            raise FencedError(job.id) from None
        self._redis.set(_key(job.id, "lease"), job.attempt, px=int(seconds * 1000))
        return present

    def is_held(self, job: Job) -> bool:
        """Whether the present attempt's lease runs."""
        value = cast("bytes | None", self._redis.get(_key(job.id, "lease")))
        return value is not None and int(value) == job.attempt

    def report(self, job: Job, progress: Progress, events: Sequence[Event] = ()) -> None:
        """Tell how far an attempt is.

        Raises
        ------
        FencedError
            If the attempt no longer holds the job.
        """
        self._change(job.id, lambda present: transitions.reported(present, job.attempt, progress, events))

    def finish(self, job: Job, status: JobStatus, **fields: Any) -> Job:
        """End an attempt and the job; one that is being cancelled ends as cancelled, whatever it had reached.

        Raises
        ------
        FencedError
            If the attempt no longer holds the job.
        """
        return self._change(job.id, lambda present: transitions.finished(present, job.attempt, status, fields))[1]

    def hand_back(self, job: Job) -> None:
        """Queue the job of an attempt that stops on purpose; it does not count as a strike.

        Raises
        ------
        FencedError
            If the attempt no longer holds the job.
        """
        self._change(job.id, lambda present: transitions.handed_back(present, job.attempt))

    def give_up(self, job: Job, strikes: int) -> Job:
        """Take the job from an attempt that died: queue it again, or let it fail after too many strikes."""
        return self._change(job.id, lambda present: transitions.given_up(present, job.attempt, strikes))[1]

    def deliver_again(self, job: Job) -> None:
        """Queue a queued job anew whose delivery got lost."""
        self._change(job.id, lambda present: transitions.delivered_again(present, job.delivery))

    def cancel(self, job_id: str) -> Job:
        """Cancel a queued job, or ask the attempt at work to stop.

        Raises
        ------
        JobNotFoundError
            If there is none of that id.
        JobStateError
            If it has ended.
        """
        return self._change(job_id, transitions.cancelled)[1]

    def resume(self, job_id: str) -> Job:
        """Queue a cancelled or failed job again; it goes on from its last checkpoint.

        Raises
        ------
        JobNotFoundError
            If there is none of that id.
        JobStateError
            If it has not ended, or has succeeded.
        """
        return self._change(job_id, transitions.resumed)[1]

    def activated(self, job: Job, *, done: bool = True) -> None:
        """Note that the result has been made active, or cannot be any more."""
        self._change(job.id, lambda present: transitions.activated(present, done=done))

    def delete(self, job: Job) -> bool:
        """Forget an ended job; not one that was resumed meanwhile."""
        with self._redis.pipeline() as pipe:
            try:
                pipe.watch(_key(job.id))  # type: ignore[no-untyped-call]
                text = cast("bytes | None", pipe.get(_key(job.id)))
                if text is None or not _is_over(present := Job.loads(text)) or present.attempt != job.attempt:
                    return False
                pipe.multi()
                pipe.delete(*(_key(job.id, part) for part in ("", "spec", "events", "lease")))
                pipe.zrem(ALL, job.id)
                pipe.srem(ACTIVE, job.id)
                pipe.srem(_in_state(present.status), job.id)
                pipe.execute()
            except WatchError:
                return False
        return True

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        with self._redis.pipeline() as pipe:
            for status in JobStatus:
                pipe.scard(_in_state(status))
            found = pipe.execute()
        return {str(status): int(count) for status, count in zip(JobStatus, found, strict=True)}

    def events(self, job_id: str, after: int, limit: int) -> list[StoredEvent]:
        """Events with a number above ``after`` that are still kept, oldest first."""
        found = cast("Any", self._redis.xrange(_key(job_id, "events"), min=f"({after}", count=limit))
        return parse_events(found)

    def _known(self, pipe: Pipeline, key: str, digest: str) -> Job | None:
        found = cast("bytes | None", pipe.get(key))
        if found is None:
            return None
        values = orjson.loads(found)
        if values["digest"] != digest:
            raise IdempotencyError("this Idempotency-Key was used for another request")
        text = cast("bytes | None", pipe.get(_key(values["job"])))
        return Job.loads(text) if text is not None else None

    def _change(self, job_id: str, decide: Callable[[Job], Change | None]) -> tuple[Job, Job]:
        """The record before and after; the same object twice where nothing was to be done."""
        key = _key(job_id)
        with self._redis.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(key)  # type: ignore[no-untyped-call]
                    before = _loaded(cast("bytes | None", pipe.get(key)), job_id)
                    change = decide(before)
                    if change is None:
                        return before, before
                    pipe.multi()
                    after = self._write(pipe, before, change)
                    pipe.execute()
                    return before, after
                except WatchError:
                    continue

    def _write(self, pipe: Pipeline, before: Job | None, change: Change) -> Job:
        job, events = change.job, change.events
        stream = _key(job.id, "events")
        for number, event in enumerate(events, job.n_events + 1):
            fields: dict[Any, Any] = {"type": event.type, "at": repr(time.time()), "data": orjson.dumps(event.data)}
            pipe.xadd(stream, fields, id=f"{number}-0", maxlen=KEPT_EVENTS, approximate=False)
        job = job.but(n_events=job.n_events + len(events))
        pipe.set(_key(job.id), job.dumps())
        if before is not None and before.status != job.status:
            pipe.srem(_in_state(before.status), job.id)
        pipe.sadd(_in_state(job.status), job.id)
        if job.status.is_terminal and not job.activate:
            pipe.srem(ACTIVE, job.id)
        else:
            pipe.sadd(ACTIVE, job.id)
        if not job.status.is_at_work:
            pipe.delete(_key(job.id, "lease"))
        if change.queue:
            self._queue.put(job, pipe)
        return job


def _refers(value: Any, name: str) -> bool:
    """Whether a field for a dataset or a revision holds the name; ``metadata`` is the caller's own."""
    if isinstance(value, dict):
        parts = [part for key, part in value.items() if key != "metadata"]
        return name in (value.get("dataset"), value.get("revision")) or any(_refers(part, name) for part in parts)
    return isinstance(value, list) and any(_refers(part, name) for part in value)


def events_key(job_id: str) -> str:
    """The stream of a job's events."""
    return _key(job_id, "events")


def parse_events(entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> list[StoredEvent]:
    """Entries of a stream as events."""
    return [
        StoredEvent(
            int(name.split(b"-")[0]), fields[b"type"].decode(), float(fields[b"at"]), orjson.loads(fields[b"data"])
        )
        for name, fields in entries
    ]


def _key(job_id: str, part: str = "") -> str:
    return f"xite:job:{job_id}:{part}" if part else f"xite:job:{job_id}"


def _in_state(status: JobStatus) -> str:
    return f"{ALL}:in:{status}"


def _loaded(text: bytes | None, job_id: str) -> Job:
    if text is None:
        raise JobNotFoundError(job_id)
    return Job.loads(text)


def _is_over(job: Job) -> bool:
    return job.status.is_terminal and not job.activate


def _idempotency_key(name: str) -> str:
    return f"xite:idempotency:{name}"
