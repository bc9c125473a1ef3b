"""``xite worker``: takes jobs from the queue, one at a time, each in a freshly spawned process."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Any

import structlog
from rq import Queue
from rq.job import Job as Entry
from rq.serializers import JSONSerializer
from rq.worker import SpawnWorker

from app.jobs import horse
from app.jobs.connection import AWAY, connect
from app.jobs.queue import QUEUE, JobQueue
from app.jobs.recovery import Recovery
from app.jobs.store import JobStore
from app.logs import configure_logs
from app.settings.service import Settings, export_settings, load_settings
from xite_core.errors import OptionError

log = structlog.get_logger(__name__)

MONITORING = 5
"""Seconds between RQ's looks at a running work-horse; also how late it notices the job's own time limit."""

WORKER_TTL = 30


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
            horse.PARENT: str(os.getpid()),
            horse.KEY: self.key,
            horse.JOB: job.id,
            horse.EXECUTION: self.execution.id,
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

    def handle_work_horse_killed(self, job: Entry, retpid: int, ret_val: int, rusage: Any) -> None:
        """Nothing: the lease runs out, and `Recovery` queues the job again."""
        log.warning("attempt ended without a word", entry=job.id, status=ret_val)

    def procline(self, message: str) -> None:
        """Nothing: RQ would rename the process."""


def run_worker(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT; gives the exit status.

    Raises
    ------
    OptionError
        If no Redis is given.
    """
    if settings.redis_url is None:
        raise OptionError("XITE_REDIS_URL", None, "the URL of the Redis that the service uses")
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    url = settings.redis_url
    store_connection = connect(url)
    queue = JobQueue(store_connection, settings.job_seconds)
    recovery = Recovery(JobStore(store_connection, queue), queue, settings)
    connection = connect(url)
    recovery.start()
    try:
        worker = JobWorker(
            [Queue(QUEUE, connection=connection, serializer=JSONSerializer)],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
            job_monitoring_interval=MONITORING,
            maintenance_interval=60,
        )
        worker.work(logging_level="WARNING")
    except AWAY as error:
        log.error("Redis is away", reason=type(error).__name__)
        return 1
    finally:
        recovery.close()
    return 0


def main() -> None:
    """Entry point of the process that `xite serve` starts."""
    settings = load_settings()
    export_settings(settings)
    configure_logs(settings.log_level)
    sys.exit(run_worker(settings))


if __name__ == "__main__":
    main()
