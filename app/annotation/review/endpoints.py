"""``POST /review``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import Response

from app.annotation.review import examples, service
from app.annotation.review.schemas import ReviewRequest, ReviewResponse
from app.routing import BODY_PROBLEMS, JsonRoute, problems, runtime_of, unless_gone
from app.runtime import Runtime

router = APIRouter(tags=["annotation"], route_class=JsonRoute)


@router.post(
    "/review",
    operation_id="review",
    summary="Tell what people should look at",
    response_model=ReviewResponse,
    responses=problems(404, *BODY_PROBLEMS),
)
async def review(
    request: Request,
    runtime: Annotated[Runtime, Depends(runtime_of)],
    body: Annotated[ReviewRequest, Body(openapi_examples=examples.REVIEW)],
) -> Response:
    """Match the texts; give coverage against confidence, the doubtful ones first, near-duplicates, label balance."""
    return Response(await unless_gone(request, service.review_texts(runtime, body)), media_type="application/json")
