"""What an event of a project says about annotations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from app.annotation.label_studio.configuration import Labeling
from app.annotation.label_studio.schemas import AnnotationFacts, TaskFacts, WebhookRequest
from app.annotation.label_studio.store import Annotated
from app.annotation.label_studio.tasks import Unusable, read_task

CREATED = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED")
DELETED = ("ANNOTATIONS_DELETED", "TASKS_DELETED")
START = "START_TRAINING"


def annotated_in(event: WebhookRequest, labeling: Labeling, max_chars: int) -> tuple[list[Annotated], list[int]]:
    """Labeled texts of an event, and the numbers of annotations that label nothing (skipped, emptied).

    Parameters
    ----------
    event : WebhookRequest
        One of `CREATED`.
    labeling : Labeling
        Where texts and label stand.
    max_chars : int
        Longer texts are left out.
    """
    found: list[Annotated] = []
    gone: list[int] = []
    for annotation, task in _annotations(event):
        one = _annotated(annotation, task, labeling, max_chars)
        if one is None:
            gone.append(annotation.id)
        else:
            found.append(one)
    return found, gone


def _annotations(event: WebhookRequest) -> Iterator[tuple[AnnotationFacts, TaskFacts | None]]:
    annotations = event.annotation if isinstance(event.annotation, list) else [event.annotation]
    tasks = event.task if isinstance(event.task, list) else [event.task]
    by_number = {task.id: task for task in tasks if task is not None}
    for annotation in annotations:
        if annotation is not None:
            only = next(iter(by_number.values())) if len(by_number) == 1 else None
            yield annotation, by_number.get(annotation.task) if annotation.task is not None else only


def _annotated(
    annotation: AnnotationFacts, task: TaskFacts | None, labeling: Labeling, max_chars: int
) -> Annotated | None:
    if task is None or annotation.was_cancelled:
        return None
    label = _label(annotation, labeling)
    example = read_task(task.model_dump(), labeling, max_chars)
    if label is None or isinstance(example, Unusable):
        return None
    return Annotated(annotation.id, task.id, replace(example, label=label))


def _label(annotation: AnnotationFacts, labeling: Labeling) -> str | None:
    control = labeling.control
    for region in annotation.result:
        value = region.get("value")
        if region.get("from_name") == control.name and isinstance(value, dict):
            choice = control.choice_in(value)
            return None if choice is None else labeling.label_of(choice)
    return None
