"""What the ``/jobs`` calls do, without HTTP. Redis away is told as `JobsAwayError`."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

import orjson
from redis import Redis

from app.errors import ArtifactNotFoundError, FieldError, JobsAwayError, JobStateError, NeededError
from app.jobs import checking
from app.jobs.attempt import attempt_directory
from app.jobs.connection import AWAY, connect
from app.jobs.outcome import ARTIFACTS
from app.jobs.queue import JobQueue
from app.jobs.records import Job, JobKind, JobStatus, StoredEvent, new_job_id
from app.jobs.schemas import AugmentJobRequest, BuildRequest, EventBody, FinetuneRequest, JobBody
from app.jobs.store import JobStore
from app.settings.service import Settings

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
AnyRequest = FinetuneRequest | AugmentJobRequest | BuildRequest

KINDS: dict[type[Any], JobKind] = {
    FinetuneRequest: JobKind.FINETUNE,
    AugmentJobRequest: JobKind.AUGMENT,
    BuildRequest: JobKind.BUILD,
}
PING_SECONDS = 1.0
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_ARTIFACT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Jobs:
    """Submits, shows and steers jobs.

    Parameters
    ----------
    settings : Settings
        The data directory, the URL of Redis, limits.
    """

    def __init__(self, settings: Settings) -> None:
        self.home, self._default_bundle = settings.home, settings.default_bundle
        connection = connect(settings.redis_url) if settings.redis_url else None
        self._connection = connection
        self._ping: asyncio.Future[bool] | None = None
        self._store = JobStore(connection, JobQueue(connection, settings.job_seconds)) if connection else None

    @property
    def available(self) -> bool:
        """Whether there is a Redis to keep jobs in, be it away or not."""
        return self._store is not None

    @property
    def store(self) -> JobStore:
        """Where the jobs are.

        Raises
        ------
        JobsAwayError
            If there is no Redis at all.
        """
        if self._store is None:
            raise JobsAwayError
        return self._store

    async def submit(self, request: AnyRequest, key: str | None, default: str | None = None) -> Job:
        """Check a request as far as can be done at once, record and queue it.

        Parameters
        ----------
        request : FinetuneRequest, AugmentJobRequest or BuildRequest
            What to do.
        key : str, optional
            The caller's ``Idempotency-Key``.
        default : str, optional
            Bundle of a request that names none, where the settings name none either.

        Raises
        ------
        FieldError, OptionError, BundleNotFoundError, DatasetNotFoundError
            If it cannot work; nothing is recorded then.
        IdempotencyError
            If the key was used for another request.
        JobsAwayError
            If Redis cannot be reached.
        """
        store = self.store
        kind = KINDS[type(request)]
        body = request.model_dump(mode="json", exclude_unset=True)
        idempotency = _idempotency(kind, key, body)
        if idempotency and (before := await self._ask(store.known, idempotency)):
            return before  # whatever has become of what it names
        pinned = await asyncio.to_thread(checking.check, self.home, request, self._default_bundle or default)
        job = Job(new_job_id(), kind, JobStatus.QUEUED, time.time(), metadata=request.metadata)
        return await self._ask(store.create, job, {"request": body, **pinned}, idempotency)

    async def get(self, job_id: str) -> Job:
        """One job.

        Raises
        ------
        JobNotFoundError
            If there is none of that id.
        """
        return await self._ask(self.store.get, job_id)

    async def check_unneeded(self, what: str, name: str) -> None:
        """Refuse to delete what a job needs that has not ended; where Redis is away nothing can be told.

        Parameters
        ----------
        what : str
            In words, for the error.
        name : str
            Id of a dataset or name of a revision: none is part of another.

        Raises
        ------
        NeededError
            If there is such a job.
        """
        if not self.available:
            return
        with suppress(JobsAwayError):
            needing = await self._ask(self.store.needing, name)
            if needing is not None:
                raise NeededError(what, needing.id)

    async def page(self, after: str | None, limit: int) -> tuple[list[Job], bool]:
        """Jobs, the newest first, and whether there are more."""
        return await self._ask(self.store.page, after, limit)

    async def cancel(self, job_id: str) -> Job:
        """Cancel; see `JobStore.cancel`."""
        return await self._ask(self.store.cancel, job_id)

    async def resume(self, job_id: str) -> Job:
        """Resume; see `JobStore.resume`."""
        return await self._ask(self.store.resume, job_id)

    async def events(self, job_id: str, after: int, limit: int) -> tuple[list[StoredEvent], bool]:
        """Events behind ``after``, and whether there are more."""
        await self.get(job_id)
        found = await self._ask(self.store.events, job_id, after, limit + 1)
        return found[:limit], len(found) > limit

    async def artifact(self, job_id: str, name: str) -> tuple[Path, str]:
        """Path and SHA-256 of an artifact.

        Raises
        ------
        ArtifactNotFoundError
            If the job has none of that name.
        JobStateError
            If it has not succeeded yet.
        """
        job = await self.get(job_id)
        if job.status is not JobStatus.SUCCEEDED or job.result is None:
            raise JobStateError(f"job {job.id} is {job.status}; artifacts come with success")
        known = job.result.get("artifact_hashes", {})
        path = attempt_directory(self.home, job.id, job.attempt) / ARTIFACTS / name
        if not _ARTIFACT.fullmatch(name) or name not in known or not path.is_file():
            there = ", ".join(known) or "none"
            raise ArtifactNotFoundError(f"job {job.id} has no artifact {name[:64]!r}; there are: {there}")
        return path, known[name]

    async def reachable(self) -> bool:
        """Whether Redis answers, told soon also where it hangs: probes must not wait for it, nor pile up behind it."""
        if self._connection is None:
            return False
        if self._ping is None or self._ping.done():
            self._ping = asyncio.ensure_future(asyncio.to_thread(_answers, self._connection))
        try:
            return await asyncio.wait_for(asyncio.shield(self._ping), PING_SECONDS)
        except TimeoutError:
            return False

    def close(self) -> None:
        """Close the connections."""
        if self._connection is not None:
            self._connection.close()

    async def _ask(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        try:
            return await asyncio.to_thread(function, *args)
        except AWAY:
            raise JobsAwayError from None


def _answers(connection: Redis) -> bool:
    try:
        connection.ping()
    except AWAY:
        return False
    return True


def job_body(job: Job) -> JobBody:
    """A job as it is shown."""
    shown = {name: getattr(job, name) for name in JobBody.model_fields if hasattr(job, name)}
    progress = {name: getattr(job.progress, name) for name in ("step", "of", "eta_seconds", "stage")}
    changes: Mapping[str, Any] = {
        "kind": job.kind.value,
        "status": job.status.value,
        "is_terminal": job.status.is_terminal,
        "progress": progress,
    }
    return JobBody.model_validate({**shown, **changes})


def event_bodies(events: Sequence[StoredEvent]) -> list[EventBody]:
    """Events as they are shown."""
    return [
        EventBody(id=event.id, type=event.type, created_at=event.created_at, data=dict(event.data)) for event in events
    ]


def _idempotency(kind: JobKind, key: str | None, body: Mapping[str, Any]) -> tuple[str, str] | None:
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise FieldError("expected 1 to 255 printable ASCII characters", "Idempotency-Key")
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(f"{kind}:{key}".encode()).hexdigest(), hashlib.sha256(text).hexdigest()
