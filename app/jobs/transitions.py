"""The state machine of jobs, without Redis: each function says what becomes of a record, or ``None`` for nothing.

`JobStore` applies a change in one transaction with the record that it was decided on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from app.errors import JobStateError
from app.jobs.records import Event, Job, JobStatus, Progress


class FencedError(Exception):
    """The attempt no longer holds the job: another one does, or the job has ended."""


@dataclass(frozen=True, slots=True)
class Change:
    """The record as it becomes, what is told of it, and whether it goes into the queue."""

    job: Job
    events: Sequence[Event] = field(default=())
    queue: bool = False


def accepted(job: Job) -> Change:
    """A new job, with its first delivery."""
    fresh = job.but(delivery=1)
    return Change(fresh, [_status(fresh)], queue=True)


def claimed(job: Job, delivery: int, worker: str) -> Change | None:
    """An attempt begins; nothing where the delivery is out of date."""
    if job.status is not JobStatus.QUEUED or job.delivery != delivery:
        return None
    started = job.started_at or time.time()
    return _told(job.but(status=JobStatus.RUNNING, attempt=job.attempt + 1, started_at=started, worker=worker))


def held(job: Job, attempt: int) -> Job:
    """The record, if the attempt holds it.

    Raises
    ------
    FencedError
        If another one does, or the job has ended.
    """
    if job.attempt != attempt or not job.status.is_at_work:
        raise FencedError(f"attempt {attempt} no longer holds {job.id}")
    return job


def reported(job: Job, attempt: int, progress: Progress, events: Sequence[Event]) -> Change:
    """An attempt tells how far it is.

    Raises
    ------
    FencedError
        If it no longer holds the job.
    """
    return Change(held(job, attempt).but(progress=progress), [Event("progress", asdict(progress)), *events])


def finished(job: Job, attempt: int, status: JobStatus, fields: dict[str, Any]) -> Change:
    """An attempt ends the job; one that is being cancelled does not succeed any more.

    Raises
    ------
    FencedError
        If it no longer holds the job.
    """
    present = held(job, attempt)
    if present.status is JobStatus.CANCELLING and status is JobStatus.SUCCEEDED:
        return _ended(present, JobStatus.CANCELLED)
    return _ended(present, status, **fields)


def handed_back(job: Job, attempt: int) -> Change:
    """An attempt stops on purpose, which is no strike.

    Raises
    ------
    FencedError
        If it no longer holds the job.
    """
    present = held(job, attempt)
    if present.status is JobStatus.CANCELLING:
        return _ended(present, JobStatus.CANCELLED)
    return _again(present, "handed back")


def given_up(job: Job, attempt: int, strikes: int) -> Change | None:
    """An attempt has died: the job is queued again, or fails after too many strikes in a row."""
    if not job.status.is_at_work or job.attempt != attempt:
        return None
    if job.status is JobStatus.CANCELLING:
        return _ended(job, JobStatus.CANCELLED)
    reached = _reached(job)
    struck = 0 if reached > job.mark else job.strikes + 1
    if struck >= strikes:
        error = {"code": "attempts_exhausted", "message": f"{struck} attempts in a row died without progress"}
        return _ended(job, JobStatus.FAILED, error=error, strikes=struck)
    return _again(job.but(strikes=struck, mark=max(job.mark, reached)), "the attempt died")


def delivered_again(job: Job, delivery: int) -> Change | None:
    """A delivery got lost."""
    if job.status is not JobStatus.QUEUED or job.delivery != delivery:
        return None
    return _again(job, "delivery lost")


def cancelled(job: Job) -> Change | None:
    """The caller cancels: at once where nobody is at work, else the attempt is asked to stop.

    Raises
    ------
    JobStateError
        If the job has ended.
    """
    if job.status.is_terminal:
        raise JobStateError(f"job {job.id} has {job.status} already; there is nothing to cancel")
    if job.status is JobStatus.CANCELLING:
        return None
    if job.status is JobStatus.RUNNING:
        return _told(job.but(status=JobStatus.CANCELLING))
    return _ended(job, JobStatus.CANCELLED)


def resumed(job: Job) -> Change:
    """The caller lets a cancelled or failed job go on.

    Raises
    ------
    JobStateError
        If it has not ended, or has succeeded.
    """
    if job.status not in (JobStatus.CANCELLED, JobStatus.FAILED):
        raise JobStateError(f"job {job.id} is {job.status}; only a cancelled or failed one can be resumed")
    return _again(job.but(finished_at=None, error=None, strikes=0), "resumed")


def activated(job: Job, *, done: bool) -> Change | None:
    """The result has been made active, or cannot be any more."""
    if not job.activate:
        return None
    result = {**(job.result or {}), "activated": done}
    message = "activated" if done else "not activated: the revision was deleted"
    return Change(job.but(activate=False, result=result), [Event("log", {"message": message})])


def _told(job: Job) -> Change:
    return Change(job, [_status(job)])


def _ended(job: Job, status: JobStatus, **fields: Any) -> Change:
    return _told(job.but(status=status, finished_at=time.time(), **fields))


def _again(job: Job, why: str) -> Change:
    queued = job.but(status=JobStatus.QUEUED, delivery=job.delivery + 1, worker=None)
    return Change(queued, [Event("status", {**_status(queued).data, "why": why})], queue=True)


def _status(job: Job) -> Event:
    data: dict[str, Any] = {"status": str(job.status), "attempt": job.attempt}
    if job.error:
        data["error"] = dict(job.error)
    return Event("status", data)


_STAGES = ("encode", "baseline", "train", "evaluate", "publish")


def _reached(job: Job) -> float:
    """How far a job is, as one number; a stage that is not listed takes turns with another and counts as nothing."""
    stage = job.progress.stage
    return _STAGES.index(stage) * 1e9 + job.progress.step if stage in _STAGES else 0.0
