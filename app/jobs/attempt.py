"""One attempt at a job, seen from its own process: the lease, what tells it to stop, what it reports."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import structlog

from app.jobs.connection import AWAY
from app.jobs.records import Event, Job, JobStatus, Progress
from app.jobs.store import JobStore
from app.jobs.transitions import FencedError
from xite_core.bundle.store import BundleStore
from xite_core.errors import XiteError

log = structlog.get_logger(__name__)
T = TypeVar("T")

JOB = "job"
"""What the origin of a revision calls the job that made it."""

POLL = 0.3
"""Seconds between two looks at the record."""

GRACE = 1.0
"""Seconds that a stop may take before the process ends at once; everything on disk appears whole or not at all."""

TELL = 0.5
"""Least seconds between two reports of progress."""

PATIENCE = 900.0
"""Seconds that an attempt goes on trying to tell what it has to tell, while Redis is away."""

INHERIT_TRIES = 20

FENCED_STATUS, STOPPED_STATUS = 3, 0


class Stop(StrEnum):
    """Why an attempt stops before its end."""

    CANCELLED = "cancelled"
    HANDED_BACK = "handed back"


class Attempt:
    """The attempt of this process.

    Parameters
    ----------
    store : JobStore
        Used by the watching thread and the working one.
    job : Job
        As claimed.
    home : Path
        The data directory.
    lease_seconds : float
        How long the job is held without a sign of life.
    """

    def __init__(self, store: JobStore, job: Job, home: Path, lease_seconds: float) -> None:
        self.store, self.job, self.home = store, job, home
        self.directory = attempt_directory(home, job.id, job.attempt)
        self._lease = lease_seconds
        self._stop: Stop | None = None
        self._stop_at = 0.0
        self._told_at = 0.0
        self._over = threading.Event()
        self._finishing = False
        self._clock = _Clock()

    @property
    def revision(self) -> str:
        """The name of the revision that this attempt publishes; it sorts by the job's time."""
        return revision_name(self.job, self.job.attempt)

    @property
    def stop(self) -> Stop | None:
        """Why the work should end now."""
        return self._stop

    def cancelled(self) -> bool:
        """Whether the work should end now, in the form that the library asks for."""
        return self._stop is not None

    def start(self) -> None:
        """Hold the lease and watch the record until `end`; take over what earlier attempts have done."""
        self.insist(lambda: self.store.hold(self.job, self._lease))
        threading.Thread(target=self._watch, name="lease", daemon=True).start()
        if not self.directory.exists():
            inherit(self.directory)

    def end(self) -> None:
        """Watch no more."""
        self._over.set()

    def hand_back(self, *_: object) -> None:
        """Stop, and let another worker go on; also as a signal handler."""
        self._request(Stop.HANDED_BACK)

    def progress(self, stage: str, step: int, of: int | None, events: Sequence[Event] = (), **more: Any) -> None:
        """Report; often enough to follow, not more often.

        Raises
        ------
        FencedError
            If another attempt holds the job.
        """
        now = time.monotonic()
        last = of is not None and step >= of
        eta = self._clock.eta(stage, step, of, now)
        if not events and not last and now - self._told_at < TELL:
            return
        self._told_at = now
        told = [Event(event.type, {**event.data, **more}) for event in events]
        progress = Progress(step, of, eta, stage)
        self.insist(lambda: self.store.report(self.job, progress, told))

    def finish(self, status: JobStatus, **fields: Any) -> Job:
        """End the job; gives the record, which says cancelled where that was asked for meanwhile.

        Raises
        ------
        FencedError
            If another attempt holds the job.
        """
        self._finishing = True
        ended = self.insist(lambda: self.store.finish(self.job, status, **fields))
        self.end()
        return ended

    def fail(self, code: str, message: str) -> None:
        """End the job with an error."""
        log.warning("job failed", job=self.job.id, code=code)
        self.finish(JobStatus.FAILED, error={"code": code, "message": message})
        discard_revisions(self.home, self.job)

    def stopped(self) -> None:
        """Write down that the attempt stopped, as it was told to."""
        if self._stop is Stop.CANCELLED:
            self.finish(JobStatus.CANCELLED)
            discard_revisions(self.home, self.job)
        else:
            self.insist(lambda: self.store.hand_back(self.job))

    def insist(self, act: Callable[[], T]) -> T:
        """Do something with Redis, again and again while it is away."""
        until = time.monotonic() + PATIENCE
        pause = 0.05
        while True:
            try:
                return act()
            except AWAY:
                if time.monotonic() > until:
                    raise
                time.sleep(pause)
                pause = min(pause * 2, 1.0)

    def _watch(self) -> None:
        while not self._over.wait(POLL):
            try:
                self._look()
            except FencedError:
                if self._finishing:  # the record has ended because this attempt ended it
                    return
                log.warning("fenced", job=self.job.id, attempt=self.job.attempt)
                os._exit(FENCED_STATUS)
            except Exception as error:  # the lease has to be renewed as long as the attempt lives
                log.warning("lease not renewed", job=self.job.id, error=type(error).__name__)

    def _look(self) -> None:
        present = self.store.hold(self.job, self._lease)
        if present.status is JobStatus.CANCELLING:
            self._request(Stop.CANCELLED)
        if self._stop and time.monotonic() - self._stop_at > GRACE and not self._over.is_set():
            # The work does not look at its cancel check just now: a long fit, a file being hashed.
            self.stopped()
            os._exit(STOPPED_STATUS)

    def _request(self, why: Stop) -> None:
        if self._stop is None:
            self._stop, self._stop_at = why, time.monotonic()


class _Clock:
    """Guesses the time left from the speed within the stage so far."""

    def __init__(self) -> None:
        self._stage = ""
        self._first, self._since = 0, 0.0

    def eta(self, stage: str, step: int, of: int | None, now: float) -> float | None:
        if stage != self._stage:
            self._stage, self._first, self._since = stage, step, now
        done, passed = step - self._first, now - self._since
        return round((of - step) * passed / done, 1) if of is not None and done > 0 else None


def jobs_directory(home: Path) -> Path:
    """Where all jobs keep their files."""
    return home / "jobs"


def attempt_directory(home: Path, job_id: str, attempt: int) -> Path:
    """An attempt's own files: nobody else writes there."""
    return jobs_directory(home) / job_id / f"attempt-{attempt}"


def revision_name(job: Job, attempt: int) -> str:
    """The revision that an attempt publishes."""
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(job.created_at))
    micro = int(job.created_at % 1 * 1e6)
    return f"{moment}{micro:06d}-{job.id[-8:]}-{attempt}"


def discard_revision(store: BundleStore, revision: str) -> None:
    """Remove a revision under whichever name it was published; one that was made active meanwhile stays."""
    for name in store.names():
        if revision in store.revisions(name):
            try:
                store.delete(name, revision)
                log.info("revision discarded", bundle=name, revision=revision)
            except (XiteError, OSError) as error:
                log.warning("revision not discarded", bundle=name, revision=revision, reason=str(error))


def discard_revisions(home: Path, job: Job) -> None:
    """Remove what any attempt at a job up to the present one has published."""
    for number in range(1, job.attempt + 1):
        discard_revision(BundleStore(home), revision_name(job, number))


def inherit(directory: Path) -> None:
    """Give an attempt the files of the one before it, as links: files are replaced as a whole, never written into.

    The earlier attempt may be alive still and go on writing; then its files are linked again until nothing changed.
    """
    earlier = sorted(directory.parent.glob("attempt-*"), key=lambda path: int(path.name.partition("-")[2]))
    source = next((path for path in reversed(earlier) if path != directory and path.is_dir()), None)
    directory.parent.mkdir(parents=True, exist_ok=True)
    if source is None:
        directory.mkdir()
        return
    for _ in range(INHERIT_TRIES):
        before = _state(source)
        copy = directory.with_name(f".{directory.name}.tmp")
        shutil.rmtree(copy, ignore_errors=True)
        with suppress(FileNotFoundError, shutil.Error):
            shutil.copytree(source, copy, copy_function=_link, ignore=shutil.ignore_patterns(".*.tmp"))
            if _state(source) == before:
                copy.rename(directory)
                return
        time.sleep(POLL)
    shutil.rmtree(copy, ignore_errors=True)
    directory.mkdir()  # it goes on changing or is gone: begin anew


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        shutil.copy2(source, target)


def _state(directory: Path) -> Mapping[str, tuple[int, int]]:
    found = {}
    for path in sorted(directory.rglob("*")):
        with suppress(FileNotFoundError):
            status = path.stat()
            found[str(path)] = (status.st_ino, status.st_mtime_ns if path.is_file() else 0)
    return found
