"""Looks after jobs whose attempt died or whose delivery got lost, and ends what has outlived its time.

Every worker does this beside its work; each step is a compare-and-set, so that two of them do no harm to each other.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from resource import struct_rusage

import structlog
from rq.job import Job as Entry

from app.errors import JobNotFoundError
from app.jobs.attempt import discard_revisions, jobs_directory
from app.jobs.connection import AWAY
from app.jobs.execution import failure
from app.jobs.queue import JobQueue
from app.jobs.records import Job, JobStatus
from app.jobs.retention import forget_datasets, forget_revisions
from app.jobs.store import JobStore
from app.jobs.transitions import FencedError
from app.logs import frames
from app.settings.service import Settings
from xite_core.bundle.store import BundleStore
from xite_core.errors import BundleNotFoundError

log = structlog.get_logger(__name__)

SWEEP = 1.0
"""Seconds between two looks at the active jobs."""

LOST = 15.0
"""Seconds after which a queued job that is in no queue, and that nobody has claimed, is queued again."""

RETENTION = 600.0
"""Seconds between two looks at what is too old."""

_DAY = 86400.0


class Recovery:
    """Sweeps in a thread of its own.

    Parameters
    ----------
    store : JobStore
        With a connection of its own.
    queue : JobQueue
        To see what still waits.
    settings : Settings
        Times.
    """

    def __init__(self, store: JobStore, queue: JobQueue, settings: Settings) -> None:
        self._store, self._queue, self._settings = store, queue, settings
        self._suspects: dict[tuple[str, int, int], float] = {}
        self._aged = -RETENTION
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recovery", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._over.set()
        self._thread.join(timeout=5)

    def note_death(self, entry: Entry, pid: int, status: int, usage: struct_rusage) -> None:
        """Take note of a work-horse that ended without a word; its job need not wait for the lease to run out."""
        job_id, delivery = entry.args
        log.warning("attempt ended without a word", job=job_id, status=status, peak_mb=usage.ru_maxrss // 1024)
        try:
            job = self._store.get(job_id)
            if not job.status.is_at_work or job.delivery != delivery:
                return
            limit = self._settings.job_memory_mb
            if limit and usage.ru_maxrss >= limit * 1024:
                code, message = failure(MemoryError(), self._settings)
                self._store.finish(job, JobStatus.FAILED, error={"code": code, "message": message})
                discard_revisions(self._settings.home, job)
            else:
                self._mend(job)
        except (JobNotFoundError, FencedError, *AWAY):
            return

    def sweep(self) -> None:
        """Look at every active job once."""
        now = time.monotonic()
        suspects: dict[tuple[str, int, int], float] = {}
        for job in self._store.active():
            patience = self._patience(job)
            if patience is None:
                continue
            since = suspects[job.id, job.attempt, job.delivery] = self._suspects.get(
                (job.id, job.attempt, job.delivery), now
            )
            if now - since >= patience:
                self._try(lambda job=job: self._mend(job), job.id)  # type: ignore[misc]
        self._suspects = suspects

    def age(self) -> None:
        """Delete what has outlived its retention."""
        settings, now = self._settings, time.time()
        for job in self._store.older_than(now - settings.job_retention_days * _DAY):
            if self._store.delete(job):
                shutil.rmtree(jobs_directory(settings.home) / job.id, ignore_errors=True)
                log.info("job forgotten", job=job.id)
        self._try(lambda: BundleStore(settings.home).sweep(now - _DAY), "half-published revisions")
        if days := settings.dataset_retention_days:
            self._try(lambda: forget_datasets(settings.home, now - days * _DAY, self._store.needing), "datasets")
        if kept := settings.revision_retention_days:
            self._try(lambda: forget_revisions(settings.home, now - kept * _DAY, self._store.needing), "revisions")

    def _patience(self, job: Job) -> float | None:
        """How long the job may stay as it is; ``None`` where nothing is wrong with it."""
        if job.status.is_at_work:
            return None if self._store.is_held(job) else self._settings.job_lease_seconds / 2
        if job.status is JobStatus.QUEUED:
            return None if self._queue.holds(job) else LOST
        return LOST

    def _mend(self, job: Job) -> None:
        if job.status.is_at_work:
            after = self._store.give_up(job, self._settings.job_strikes)
            log.warning("attempt died", job=job.id, attempt=job.attempt, now=str(after.status))
            if after.status.is_terminal:
                discard_revisions(self._settings.home, job)
        elif job.status is JobStatus.QUEUED:
            log.warning("delivery lost", job=job.id, delivery=job.delivery)
            self._store.deliver_again(job)
        elif job.activate and job.result:
            self._activate(job)

    def _activate(self, job: Job) -> None:
        assert job.result is not None
        try:
            BundleStore(self._settings.home).activate(job.result["bundle"], job.result["revision"])
            self._store.activated(job)
        except BundleNotFoundError:  # deleted meanwhile: there is nothing left to make active
            self._store.activated(job, done=False)

    @staticmethod
    def _try(act: Callable[[], None], what: str) -> None:
        """Do one thing; what is wrong with it must not keep the others from being done."""
        try:
            act()
        except AWAY:
            raise
        except Exception as error:
            log.error("mending failed", what=what, error=type(error).__name__, frames=frames(error))

    def _run(self) -> None:
        while not self._over.wait(SWEEP):
            try:
                self.sweep()
                if time.monotonic() - self._aged > RETENTION:
                    self._aged = time.monotonic()
                    self.age()
            except AWAY:
                self._suspects.clear()
            except Exception as error:  # the thread has to live as long as the worker
                log.error("sweep failed", error=type(error).__name__, frames=frames(error))
