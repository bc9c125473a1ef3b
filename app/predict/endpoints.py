"""``POST /predict``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import Response

from app.predict import examples, service
from app.predict.schemas import PredictRequest, PredictResponse
from app.routing import BODY_PROBLEMS, JsonRoute, problems, runtime_of, unless_gone
from app.runtime import Runtime

router = APIRouter(tags=["prediction"], route_class=JsonRoute)
RuntimeDependency = Annotated[Runtime, Depends(runtime_of)]


@router.post(
    "/predict",
    operation_id="predict",
    summary="Classify texts with a fine-tuned bundle",
    response_model=PredictResponse,
    responses=problems(404, 409, *BODY_PROBLEMS) | {200: {"description": "One item a text."}},
)
async def predict(
    request: Request,
    runtime: RuntimeDependency,
    body: Annotated[PredictRequest, Body(openapi_examples=examples.PREDICT)],
) -> Response:
    """Label and probabilities by the head of the active revision; 409 where that was not fine-tuned."""
    return Response(await unless_gone(request, service.predict(runtime, body)), media_type="application/json")
