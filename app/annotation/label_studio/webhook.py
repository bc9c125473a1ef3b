"""What events of a project do: annotations are remembered, and a training starts on demand, one a project at a time."""

from __future__ import annotations

import asyncio

from app.annotation.label_studio.events import CREATED, DELETED, START, annotated_in
from app.annotation.label_studio.schemas import ProjectFacts, WebhookAnswer, WebhookRequest
from app.annotation.label_studio.service import connection_of, labeling_for, manifest_of
from app.annotation.label_studio.store import Annotated, AnnotationStore
from app.annotation.label_studio.training import TrainingStarter, training_request
from app.errors import FieldError
from app.runtime import Runtime


async def handle(
    runtime: Runtime, store: AnnotationStore, starter: TrainingStarter, event: WebhookRequest
) -> WebhookAnswer:
    """Do what an event asks for; events about other things are ignored.

    Raises
    ------
    FieldError
        If the event lacks what it has to have, or there is too little to learn from.
    BundleNotFoundError, StorageError, ServiceError
        See the table in `app.faults`.
    """
    if event.action not in (*CREATED, *DELETED, START):
        return WebhookAnswer(status="ignored", detail=f"{event.action} needs no action")
    if event.project is None:
        raise FieldError("missing; switch on that the webhook sends its payload", "project")
    if event.action == START:
        return await train(runtime, store, starter, event.project)
    return await record(runtime, store, event, event.project)


async def record(
    runtime: Runtime, store: AnnotationStore, event: WebhookRequest, project: ProjectFacts
) -> WebhookAnswer:
    """Remember what annotators submitted, forget what they took back."""
    found: list[Annotated] = []
    gone = [one.id for one in event.annotations]
    tasks_gone = [one.id for one in event.tasks] if event.action in DELETED else []
    if event.action not in DELETED:
        wanted = await connection_of(store, project.uid)
        facts = await asyncio.to_thread(manifest_of, runtime.residents, wanted.bundle)
        found, gone = annotated_in(event, labeling_for(facts, project.label_config), runtime.settings.max_text_chars)
    count = await asyncio.to_thread(store.record, project.uid, found, gone, tasks_gone)
    forgotten = f"{len(tasks_gone)} tasks" if tasks_gone else f"{len(gone)}"
    detail = f"{len(found)} annotations remembered, {forgotten} forgotten"
    return WebhookAnswer(status="recorded", detail=detail, annotations=count)


async def train(
    runtime: Runtime, store: AnnotationStore, starter: TrainingStarter, project: ProjectFacts
) -> WebhookAnswer:
    """Start a fine-tuning job on what was annotated, unless one of this project has not ended."""
    last = await asyncio.to_thread(store.training, project.uid)
    if last is not None and last.job is not None and await starter.is_running(last.job):
        return WebhookAnswer(status="running", detail="a training of this project has not ended", job=last.job)
    wanted = await connection_of(store, project.uid)
    facts = await asyncio.to_thread(manifest_of, runtime.residents, wanted.bundle)
    annotated = await asyncio.to_thread(store.annotations, project.uid)
    request = training_request(project.uid, facts.name, annotated)
    if not await asyncio.to_thread(store.claim, project.uid, last):
        return WebhookAnswer(status="running", detail="a training of this project is being started")
    try:
        job = await starter.start(request)
        await asyncio.to_thread(store.started, project.uid, job)
    except BaseException:
        await asyncio.shield(asyncio.to_thread(store.release, project.uid))
        raise
    detail = f"{len(request.rows)} annotated tasks to learn from, {len(request.test)} to evaluate on"
    return WebhookAnswer(status="started", detail=detail, annotations=len(annotated), job=job)
