"""``POST /match`` and ``POST /augment``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import Response

from app.augment import examples, service
from app.augment.rendering import ARROW, as_arrow, as_json
from app.augment.schemas import AugmentRequest, AugmentResponse, MatchResponse
from app.routing import BODY_PROBLEMS, JsonRoute, problems, runtime_of, unless_gone
from app.runtime import Runtime

router = APIRouter(tags=["augmentation"], route_class=JsonRoute)
RuntimeDependency = Annotated[Runtime, Depends(runtime_of)]

RENDER_INLINE = 32
"""Answers with more texts are rendered off the event loop."""


@router.post(
    "/match",
    operation_id="match",
    summary="Adopt labels for target texts",
    response_model=MatchResponse,
    responses=problems(404, *BODY_PROBLEMS) | {200: {"description": "One item a text."}},
)
async def match(
    request: Request,
    runtime: RuntimeDependency,
    body: Annotated[AugmentRequest, Body(openapi_examples=examples.MATCH)],
) -> Response:
    """Find the labeled English examples nearest to each text and adopt their label, or abstain and say why."""
    include = body.include or ["neighbors"]
    outcome = await unless_gone(request, service.augment(runtime, body, interpolate=False))
    rendered = await _rendered(runtime, outcome, lambda: as_json(outcome, include, "float", embeddings=False))
    return Response(rendered, media_type="application/json")


@router.post(
    "/augment",
    operation_id="augment",
    summary="Make labeled synthetic embeddings from target texts",
    response_model=AugmentResponse,
    responses=problems(404, *BODY_PROBLEMS)
    | {
        200: {
            "description": f"One item a text; with `Accept: {ARROW}` an Arrow stream with one row a synthetic "
            "embedding (one with a null vector where the text was abstained), and bundle, report, options and usage as "
            "JSON under the key `xite` of the schema's metadata.",
            "content": {ARROW: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def augment(
    request: Request,
    runtime: RuntimeDependency,
    body: Annotated[AugmentRequest, Body(openapi_examples=examples.AUGMENT)],
) -> Response:
    """Match each text as `/match` does, project its vector and interpolate it with the English example's vector."""
    include = ["neighbors", "embedding"] if body.include is None else body.include
    outcome = await unless_gone(request, service.augment(runtime, body, interpolate="embedding" in include))
    if accepts_arrow(request.headers.get("accept", "")):
        return Response(await _rendered(runtime, outcome, lambda: as_arrow(outcome, include)), media_type=ARROW)
    form = body.encoding_format or "float"
    rendered = await _rendered(runtime, outcome, lambda: as_json(outcome, include, form, embeddings=True))
    return Response(rendered, media_type="application/json")


def accepts_arrow(accept: str) -> bool:
    """Whether the header asks for an Arrow stream."""
    for entry in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in entry.split(";"))
        if kind == ARROW:
            return "q=0" not in parameters
    return False


async def _rendered(runtime: Runtime, outcome: service.Outcome, render: Callable[[], bytes]) -> bytes:
    if len(outcome.augmentation.texts) <= RENDER_INLINE:
        return render()
    return await runtime.in_pool(render)
