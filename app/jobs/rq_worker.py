"""RQ's worker, adapted: how an attempt's process is spawned and how it is told to stop."""

from __future__ import annotations

import os
import signal
import sys

import structlog
from rq import Queue
from rq.job import Job as Entry
from rq.worker import SpawnWorker

log = structlog.get_logger(__name__)

PARENT, KEY, JOB, EXECUTION = "XITE_HORSE_PARENT", "XITE_HORSE_WORKER", "XITE_HORSE_JOB", "XITE_HORSE_EXECUTION"
"""Variables that tell a work-horse who it works for."""


class JobWorker(SpawnWorker):
    """RQ's worker with a spawn that shows no secret, dies as a family, and hands its job back when stopped.

    What RQ itself thinks of a job (its registries, its retries) plays no part: the job's own record decides, and
    `Recovery` mends.
    """

    def fork_work_horse(self, job: Entry, queue: Queue) -> None:
        """Spawn the process of an attempt."""
        assert self.execution is not None
        environment = {
            **os.environ,
            PARENT: str(os.getpid()),
            KEY: self.key,
            JOB: job.id,
            EXECUTION: self.execution.id,
        }
        command = [sys.executable, "-m", "app.jobs.horse"]
        self._horse_pid = os.posix_spawn(sys.executable, command, environment, setpgroup=0)
        log.info("attempt spawned", entry=job.id, pid=self._horse_pid)

    def handle_warm_shutdown_request(self) -> None:
        """Have the job at work handed back instead of waiting for its end."""
        if self._horse_pid:
            os.kill(self._horse_pid, signal.SIGTERM)

    def setup_work_horse_signals(self) -> None:
        """In the work-horse: leave SIGTERM to the attempt, which hands the job back."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def procline(self, message: str) -> None:
        """Nothing: RQ would rename the process."""
