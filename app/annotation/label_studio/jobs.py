"""The port of trainings on the job queue."""

from __future__ import annotations

from app.annotation.label_studio.training import TrainingRequest, TrainingStarter
from app.errors import NotReadyError


class NoJobs:
    """Stands in where this process has no job queue."""

    async def start(self, request: TrainingRequest) -> str:
        """Refuse."""
        raise NotReadyError("this service has no job queue, so no training can be started")

    async def is_running(self, job: str) -> bool:
        """No job runs without a queue."""
        return False


def starter_of() -> TrainingStarter:
    """Dependency: what starts trainings."""
    return NoJobs()
