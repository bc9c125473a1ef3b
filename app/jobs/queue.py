"""The queue between the store and the workers: RQ carries a job's id and the number of its delivery, nothing else."""

from __future__ import annotations

from redis import Redis
from redis.client import Pipeline
from rq import Queue
from rq.serializers import JSONSerializer

from app.jobs.records import FORMAT, Job

QUEUE = f"xite:{FORMAT}"
ENTRY = "app.jobs.execution.run_job"
_KEPT_SECONDS = 3600


class JobQueue:
    """Puts jobs into the queue.

    Parameters
    ----------
    connection : Redis
        Bytes in, bytes out.
    seconds : int
        How long an attempt may take.
    """

    def __init__(self, connection: Redis, seconds: int) -> None:
        self._queue = Queue(QUEUE, connection=connection, serializer=JSONSerializer, is_async=True)
        self._seconds = seconds

    def put(self, job: Job, pipeline: Pipeline) -> None:
        """Queue a delivery as part of the caller's transaction."""
        self._queue.enqueue_call(
            ENTRY,
            args=(job.id, job.delivery),
            job_id=entry_id(job),
            timeout=self._seconds,
            result_ttl=0,
            failure_ttl=_KEPT_SECONDS,
            description=job.id,
            pipeline=pipeline,
        )

    def holds(self, job: Job) -> bool:
        """Whether the job's present delivery still waits."""
        return self._queue.connection.lpos(self._queue.key, entry_id(job)) is not None


def entry_id(job: Job) -> str:
    """RQ's name for a delivery."""
    return f"{job.id}-{job.delivery}"
