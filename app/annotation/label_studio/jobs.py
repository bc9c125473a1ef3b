"""Trainings on the job queue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends

from app.annotation.label_studio.training import TrainingRequest, TrainingStarter
from app.augment.schemas import InputObject
from app.errors import JobNotFoundError
from app.jobs.endpoints import jobs_of
from app.jobs.schemas import FinetuneRequest, LabeledRef, LabeledRow, SourceRef, TextsRef
from app.jobs.service import Jobs
from app.languages import tag_or_none
from xite_core.types import Example


class QueuedTrainings:
    """Starts trainings as the service's own fine-tuning jobs.

    Parameters
    ----------
    jobs : Jobs
        The jobs of this installation.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def start(self, request: TrainingRequest) -> str:
        """Queue a job; see `TrainingStarter.start`."""
        return (await self._jobs.submit(finetune_request(request), None)).id

    async def is_running(self, job: str) -> bool:
        """Whether a job has not ended; see `TrainingStarter.is_running`."""
        try:
            return not (await self._jobs.get(job)).status.is_terminal
        except JobNotFoundError:
            return False


def finetune_request(request: TrainingRequest) -> FinetuneRequest:
    """The job's body: English from the bundle, the annotated texts with their labels, and as texts to match."""
    return FinetuneRequest(
        source=SourceRef(bundle=request.bundle),
        annotated=LabeledRef(rows=_labeled(request.rows)),
        target=TextsRef(
            texts=[
                InputObject(text=row.text, text_pair=row.text_pair, lang=tag_or_none(row.lang)) for row in request.rows
            ]
        ),
        target_test=LabeledRef(rows=_labeled(request.test)) if request.test else None,
        metadata={"label_studio_project": request.project},
    )


def _labeled(rows: Iterable[Example]) -> list[LabeledRow]:
    return [
        LabeledRow(text=row.text, text_pair=row.text_pair, label=row.label or "", lang=tag_or_none(row.lang))
        for row in rows
    ]


def starter_of(jobs: Annotated[Jobs, Depends(jobs_of)]) -> TrainingStarter:
    """Dependency: what starts trainings."""
    return QueuedTrainings(jobs)
