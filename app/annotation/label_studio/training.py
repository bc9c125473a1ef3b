"""From annotations to a fine-tuning job: what is asked for, and the port through which it is started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from app.annotation.label_studio.store import Annotated
from app.errors import FieldError
from xite_core.types import Example

MIN_ROWS = 8
"""Annotated tasks below which no training is started."""

HELD_OUT = 5
"""Every fifth annotated task is kept for evaluation, from `MIN_HELD_OUT` tasks on."""

MIN_HELD_OUT = 50


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What a fine-tuning job works on.

    Parameters
    ----------
    project : str
        The project that was annotated.
    bundle : str
        What is fine-tuned; the result is a new revision of it.
    rows : tuple of Example
        Annotated texts to learn from.
    test : tuple of Example
        Annotated texts kept for evaluation.
    """

    project: str
    bundle: str
    rows: tuple[Example, ...]
    test: tuple[Example, ...]


class TrainingStarter(Protocol):
    """Starts fine-tuning jobs."""

    async def start(self, request: TrainingRequest) -> str:
        """Queue a job and give its id.

        Raises
        ------
        ServiceError
            If no job can be queued now.
        """

    async def is_running(self, job: str) -> bool:
        """Whether a job has not ended; one that is not known any more has."""


def training_request(project: str, bundle: str, annotated: Sequence[Annotated]) -> TrainingRequest:
    """Choose what to learn from and what to evaluate on; a task that annotators labeled differently is left out.

    Raises
    ------
    FieldError
        If there is too little to learn from.
    """
    rows = list(_agreed(annotated))
    labels = Counter(row.example.label for row in rows)
    if len(rows) < MIN_ROWS or len(labels) < 2:
        raise FieldError(
            f"{len(rows)} annotated tasks with {len(labels)} labels are known here; a training needs at least "
            f"{MIN_ROWS} tasks and 2 labels. Annotations are known from the webhook's events on",
            "project",
        )
    kept = {i for i in range(len(rows)) if len(rows) >= MIN_HELD_OUT and i % HELD_OUT == HELD_OUT - 1}
    return TrainingRequest(
        project,
        bundle,
        rows=tuple(row.example for i, row in enumerate(rows) if i not in kept),
        test=tuple(row.example for i, row in enumerate(rows) if i in kept),
    )


def _agreed(annotated: Iterable[Annotated]) -> Iterable[Annotated]:
    """One annotation of each task whose annotators agree; they come by task."""
    for _, group in groupby(annotated, key=lambda one: one.task):
        ones = list(group)
        if len({one.example.label for one in ones}) == 1:
            yield ones[-1]
