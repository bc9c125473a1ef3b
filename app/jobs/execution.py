"""What RQ calls in the work-horse: claim the job, run it, write down how it ended.

The heavy imports happen after the claim, so that a job shows as running at once.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
from collections.abc import Callable
from typing import Any

import structlog
from rq.timeouts import JobTimeoutException

from app.errors import ServiceError
from app.jobs.attempt import Attempt, attempt_directory, discard_revision, revision_name
from app.jobs.connection import connect
from app.jobs.outcome import Outcome
from app.jobs.queue import JobQueue
from app.jobs.records import JobKind, JobStatus
from app.jobs.store import JobStore
from app.jobs.transitions import FencedError
from app.logs import frames
from app.processes.linux import limit_memory
from app.settings.service import Settings, load_settings
from xite_core.bundle.store import BundleStore
from xite_core.errors import StorageError, XiteError

log = structlog.get_logger(__name__)

RUNNERS = {
    JobKind.FINETUNE: "app.jobs.finetune",
    JobKind.AUGMENT: "app.jobs.augment",
    JobKind.BUILD: "app.jobs.build",
}
"""The module of each kind; its function ``run(attempt, spec)`` gives an `Outcome`."""

Runner = Callable[[Attempt, dict[str, Any]], Outcome]


def run_job(job_id: str, delivery: int) -> None:
    """Run one delivery of a job, unless it is out of date."""
    settings = load_settings()
    assert settings.redis_url is not None
    connection = connect(settings.redis_url)
    store = JobStore(connection, JobQueue(connection, settings.job_seconds))
    job = store.claim(job_id, delivery, f"{os.uname().nodename}:{os.getpid()}")
    if job is None:
        log.info("delivery out of date", job=job_id, delivery=delivery)
        return
    attempt = Attempt(store, job, settings.home, settings.job_lease_seconds)
    with structlog.contextvars.bound_contextvars(job_id=job_id, attempt=job.attempt):
        try:
            _run(attempt, settings)
        except FencedError:
            log.warning("fenced")
            os._exit(3)


def _run(attempt: Attempt, settings: Settings) -> None:
    try:
        attempt.start()
        signal.signal(signal.SIGTERM, attempt.hand_back)
        runner: Runner = importlib.import_module(RUNNERS[attempt.job.kind]).run
        if settings.job_memory_mb:  # now: a library that finds no memory while it is loaded kills the process
            limit_memory(settings.job_memory_mb)
        _discard_earlier(attempt)
        _succeed(attempt, runner(attempt, attempt.insist(lambda: attempt.store.spec(attempt.job.id))))
    except FencedError:
        raise
    except JobTimeoutException:
        attempt.fail("timeout", f"an attempt may take {settings.job_seconds} s; resume the job to go on")
    except Exception as error:
        if attempt.stop:
            attempt.stopped()
        else:
            _fail(attempt, error, settings)
    finally:
        attempt.end()


def _succeed(attempt: Attempt, outcome: Outcome) -> None:
    """The record decides whether this result counts; if not, its revision goes again."""
    try:
        ended = attempt.finish(
            JobStatus.SUCCEEDED, result=outcome.result, metrics=outcome.metrics, activate=outcome.activate
        )
    except FencedError:
        _discard(attempt, attempt.job.attempt)
        raise
    if ended.status is not JobStatus.SUCCEEDED:
        _discard(attempt, attempt.job.attempt)
        return
    if outcome.activate:
        activate_result(attempt, outcome)
    if outcome.clean:
        outcome.clean()
    for number in range(1, attempt.job.attempt):
        shutil.rmtree(attempt_directory(attempt.home, attempt.job.id, number), ignore_errors=True)


def activate_result(attempt: Attempt, outcome: Outcome) -> None:
    """Make the published revision the active one."""
    BundleStore(attempt.home).activate(outcome.result["bundle"], outcome.result["revision"])
    attempt.insist(lambda: attempt.store.activated(attempt.job))


def _discard_earlier(attempt: Attempt) -> None:
    for number in range(1, attempt.job.attempt):
        _discard(attempt, number)


def _discard(attempt: Attempt, number: int) -> None:
    """Remove what an attempt published that does not count."""
    discard_revision(BundleStore(attempt.home), revision_name(attempt.job, number))


def _fail(attempt: Attempt, error: Exception, settings: Settings) -> None:
    code, message = failure(error, settings)
    if code == "internal":
        log.error("unexpected error", error=type(error).__name__, frames=frames(error))
    attempt.fail(code, message)


_OUT_OF_MEMORY = ("not enough memory", "alloc", "std::bad_alloc", "cannot allocate", "launch worker thread")


def failure(error: Exception, settings: Settings) -> tuple[str, str]:
    """Code and words of an error for the caller; nothing internal."""
    text = str(error).replace(f"{settings.home}/", "")
    # Arrow's own exception is of no kind
    vague = isinstance(error, RuntimeError | OSError) or type(error).__module__ == "pyarrow.lib"
    if isinstance(error, MemoryError) or (vague and any(part in text.lower() for part in _OUT_OF_MEMORY)):
        limit = f" of {settings.job_memory_mb} MB" if settings.job_memory_mb else ""
        return "out_of_memory", f"the memory limit{limit} was reached; use fewer texts, or raise XITE_JOB_MEMORY_MB"
    if isinstance(error, StorageError):
        return "storage", f"{text}; make room and resume the job"
    if isinstance(error, XiteError | ServiceError):
        name = type(error).__name__.removesuffix("Error")
        return "".join("_" + c.lower() if c.isupper() else c for c in name).strip("_"), text
    if isinstance(error, OSError) and error.errno in (28, 122, 30, 5):
        return "storage", f"the disk refused: {error.strerror}; make room and resume the job"
    return "internal", "something went wrong; the job id leads to the log entry"
