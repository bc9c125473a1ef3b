"""``POST /argilla/suggestions`` and ``POST /doccano/label``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request

from app.annotation.suggestions import examples, service
from app.annotation.suggestions.schemas import ArgillaRequest, ArgillaResponse, DoccanoRequest, DoccanoResponse
from app.routing import BODY_PROBLEMS, JsonRoute, problems, runtime_of, unless_gone
from app.runtime import Runtime

router = APIRouter(tags=["annotation"], route_class=JsonRoute)
RuntimeDependency = Annotated[Runtime, Depends(runtime_of)]


@router.post(
    "/argilla/suggestions",
    operation_id="argilla_suggestions",
    summary="Suggest answers for Argilla records",
    responses=problems(404, 409, *BODY_PROBLEMS),
)
async def argilla_suggestions(
    request: Request,
    runtime: RuntimeDependency,
    body: Annotated[ArgillaRequest, Body(openapi_examples=examples.ARGILLA)],
) -> ArgillaResponse:
    """One item a record, with value, score and agent of a suggestion; none where the service abstains."""
    return await unless_gone(request, service.suggest(runtime, body))


@router.post(
    "/doccano/label",
    operation_id="doccano_label",
    summary="Label a text for doccano",
    responses=problems(404, 409, *BODY_PROBLEMS),
)
async def doccano_label(
    request: Request,
    runtime: RuntimeDependency,
    body: Annotated[DoccanoRequest, Body(openapi_examples=examples.DOCCANO)],
) -> DoccanoResponse:
    """What doccano's auto-labeling maps with `{{ input.labels | tojson }}`."""
    return await unless_gone(request, service.label(runtime, body))
