"""``/label-studio``: give its address to Label Studio as that of a machine learning backend."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import Response

from app.annotation.label_studio import examples, service, webhook
from app.annotation.label_studio.jobs import starter_of
from app.annotation.label_studio.schemas import (
    Health,
    PredictRequest,
    PredictResponse,
    Setup,
    SetupRequest,
    Versions,
    WebhookAnswer,
    WebhookRequest,
)
from app.annotation.label_studio.store import AnnotationStore
from app.annotation.label_studio.training import TrainingStarter
from app.routing import BODY_PROBLEMS, JsonRoute, problems, runtime_of, unless_gone
from app.runtime import Runtime

PREFIX = "/label-studio"
BIG_BODIES = (PREFIX + "/predict", PREFIX + "/webhook")
"""Paths with a cap of their own: Label Studio sends all chosen tasks at once, with all that belongs to them."""

router = APIRouter(prefix=PREFIX, tags=["Label Studio"], route_class=JsonRoute)


def store_of(runtime: Annotated[Runtime, Depends(runtime_of)]) -> AnnotationStore:
    """Dependency: what is remembered of projects."""
    return AnnotationStore(runtime.settings.home)


RuntimeDependency = Annotated[Runtime, Depends(runtime_of)]
StoreDependency = Annotated[AnnotationStore, Depends(store_of)]
StarterDependency = Annotated[TrainingStarter, Depends(starter_of)]


@router.get("/health", operation_id="label_studio_health", summary="Tell Label Studio that the backend answers")
async def health() -> Health:
    """The same whether a bundle is loaded or not."""
    return Health()


@router.post(
    "/setup",
    operation_id="label_studio_setup",
    summary="Connect a project",
    responses=problems(404, 400, 413, 415, 422, 503),
)
async def setup(
    runtime: RuntimeDependency,
    store: StoreDependency,
    body: Annotated[SetupRequest, Body(openapi_examples=examples.SETUP)],
) -> Setup:
    """Look whether the labeling configuration asks for what the bundle knows; keep the extra parameters."""
    return await service.setup(runtime.residents, store, body)


@router.post(
    "/predict",
    operation_id="label_studio_predict",
    summary="Predict tasks",
    response_model=PredictResponse,
    responses=problems(404, 409, *BODY_PROBLEMS),
)
async def predict(
    request: Request,
    runtime: RuntimeDependency,
    store: StoreDependency,
    body: Annotated[PredictRequest, Body(openapi_examples=examples.PREDICT)],
) -> Response:
    """Exactly one prediction a task; an empty one with score 0 where the match abstains or the task has no text."""
    made = await unless_gone(request, service.predict(runtime, store, body))
    rendered = await runtime.in_pool(lambda: made.model_dump_json(exclude_none=True))
    return Response(rendered, media_type="application/json")


@router.post(
    "/webhook",
    operation_id="label_studio_webhook",
    summary="Take an event of a project",
    responses=problems(404, 400, 413, 415, 422, 503),
)
async def take_event(
    runtime: RuntimeDependency,
    store: StoreDependency,
    starter: StarterDependency,
    body: Annotated[WebhookRequest, Body(openapi_examples=examples.WEBHOOK)],
) -> WebhookAnswer:
    """Remember annotations; on START_TRAINING start a fine-tuning job on them, one a project at a time."""
    return await webhook.handle(runtime, store, starter, body)


@router.get(
    "/versions",
    operation_id="label_studio_versions",
    summary="List the versions of the model",
    responses=problems(404, 503),
)
async def versions(runtime: RuntimeDependency) -> Versions:
    """The revisions of the default bundle."""
    return await service.versions(runtime.residents)
