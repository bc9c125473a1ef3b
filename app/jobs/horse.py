"""The work-horse: the process of one attempt, spawned anew for each, ``python -m app.jobs.horse``.

RQ's own spawn passes the connection, with its password, on the command line; here everything is in the environment.
"""

from __future__ import annotations

import os
import sys

from app.jobs.rq_worker import EXECUTION, JOB, KEY, PARENT, JobWorker
from app.processes.linux import die_with_parent
from app.settings import set_up_libraries
from app.settings.service import load_settings


def main() -> None:
    """Take over from the worker that spawned this process, and run its job."""
    die_with_parent(int(os.environ[PARENT]))
    settings = load_settings()
    set_up_libraries(settings.job_threads)
    from rq import Queue
    from rq.executions import Execution
    from rq.job import Job
    from rq.serializers import JSONSerializer

    from app.jobs.connection import connect
    from app.jobs.queue import QUEUE
    from app.logs import configure_logs

    configure_logs(settings.log_level)
    assert settings.redis_url is not None
    connection = connect(settings.redis_url)
    worker = JobWorker.find_by_key(os.environ[KEY], connection=connection, serializer=JSONSerializer)
    if worker is None:
        sys.exit(1)
    job = Job.fetch(os.environ[JOB], connection=connection, serializer=JSONSerializer)
    execution = Execution.fetch(os.environ[EXECUTION], job.id, connection=connection)
    execution._job = job  # as RQ's own spawned work-horse does
    worker.execution = execution
    worker.main_work_horse(job, Queue(QUEUE, connection=connection, serializer=JSONSerializer))


if __name__ == "__main__":
    main()
