"""``xite worker``: takes jobs from the queue, one at a time, each in a freshly spawned process."""

from __future__ import annotations

import gc
import logging
import os
import sys

import structlog
from rq import Queue
from rq.serializers import JSONSerializer

from app.jobs.connection import AWAY, connect
from app.jobs.queue import QUEUE, JobQueue
from app.jobs.recovery import Recovery
from app.jobs.rq_worker import JobWorker
from app.jobs.store import JobStore
from app.logs import configure_logs
from app.settings.service import Settings, export_settings, load_settings
from xite_core.errors import OptionError

log = structlog.get_logger(__name__)

MONITORING = 5
"""Seconds between RQ's looks at a running work-horse; also how late it notices the job's own time limit."""

WORKER_TTL = 30


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
    gc.freeze()  # or the interpreter goes through all that was imported before it ends
    try:
        worker = JobWorker(
            [Queue(QUEUE, connection=connection, serializer=JSONSerializer)],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
            job_monitoring_interval=MONITORING,
            maintenance_interval=60,
            work_horse_killed_handler=recovery.note_death,
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
    os.umask(0o077)
    configure_logs(settings.log_level)
    sys.exit(run_worker(settings))


if __name__ == "__main__":
    main()
