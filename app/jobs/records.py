"""What is known of a job: one frozen record, its states and its events."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import orjson

FORMAT = 1
"""Of job records and of what they ask for. A worker takes and mends jobs of its own format only, so that during an
upgrade no old code runs what new code wrote."""


class JobKind(StrEnum):
    """What a job does."""

    FINETUNE = "finetune"
    AUGMENT = "augment"
    BUILD = "build"


class JobStatus(StrEnum):
    """The states. From `CANCELLED` and `FAILED` a job can be resumed; `SUCCEEDED` is the end."""

    QUEUED = "queued"
    """Accepted; waits for a worker."""
    RUNNING = "running"
    """One attempt is at work."""
    CANCELLING = "cancelling"
    """At work, and told to stop."""
    CANCELLED = "cancelled"
    """Stopped because the caller said so."""
    SUCCEEDED = "succeeded"
    """Done; the result is published."""
    FAILED = "failed"
    """Ended with an error that another attempt would meet too, or after too many attempts that died."""

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in (JobStatus.CANCELLED, JobStatus.SUCCEEDED, JobStatus.FAILED)

    @property
    def is_at_work(self) -> bool:
        """Whether an attempt holds the job."""
        return self in (JobStatus.RUNNING, JobStatus.CANCELLING)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the job is.

    Parameters
    ----------
    step : int
        Done.
    of : int, optional
        In all, where known.
    eta_seconds : float, optional
        A guess from the speed so far.
    stage : str, optional
        What is being done; ``step`` and ``of`` count within it.
    """

    step: int = 0
    of: int | None = None
    eta_seconds: float | None = None
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Parameters
    ----------
    id, kind, status, created_at
        Times are seconds since 1970.
    attempt : int
        Which attempt holds or held the job; every write of an attempt is refused once there is a later one.
    delivery : int
        How often it was put into the queue; an older delivery is not taken.
    strikes : int
        Attempts in a row that died without a word and without getting any further.
    mark : float
        How far the attempt before the present one had got, to tell whether a death counts as a strike.
    n_events : int
        Events so far; the number of the last one is its id.
    result, error, metrics
        JSON values for the caller.
    activate : bool
        Whether the result is still to be made active.
    worker : str, optional
        Who runs it.
    format : int
        See `FORMAT`.
    """

    id: str
    kind: JobKind
    status: JobStatus
    created_at: float
    attempt: int = 0
    delivery: int = 0
    strikes: int = 0
    mark: float = 0.0
    n_events: int = 0
    progress: Progress = field(default_factory=Progress)
    started_at: float | None = None
    finished_at: float | None = None
    result: Mapping[str, Any] | None = None
    error: Mapping[str, str] | None = None
    metrics: Mapping[str, Any] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    activate: bool = False
    worker: str | None = None
    format: int = field(default_factory=lambda: FORMAT)

    def but(self, **changes: Any) -> Job:
        """A copy with fields changed."""
        return replace(self, **changes)

    def dumps(self) -> bytes:
        """As JSON."""
        return orjson.dumps(asdict(self))

    @classmethod
    def loads(cls, text: bytes) -> Self:
        """Read what `dumps` wrote; fields that a newer version added are left out."""
        values = {name: value for name, value in orjson.loads(text).items() if name in cls.__dataclass_fields__}
        values["kind"], values["status"] = JobKind(values["kind"]), JobStatus(values["status"])
        values["progress"] = Progress(**values["progress"])
        return cls(**values)


def is_of_this_format(text: bytes) -> bool:
    """Whether a stored record is one that this code may act on."""
    return bool(orjson.loads(text).get("format") == FORMAT)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job.

    Parameters
    ----------
    type : str
        ``status``, ``progress``, ``metrics`` or ``log``.
    data : mapping
        JSON values.
    """

    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its number (from 1, without holes) and time."""

    id: int
    type: str
    created_at: float
    data: Mapping[str, Any]


def new_job_id() -> str:
    """A name for a job that nobody can guess."""
    return "job_" + secrets.token_hex(12)
