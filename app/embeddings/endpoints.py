"""``/v1/embeddings`` and ``/v1/models``, in the form of OpenAI's API."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Request
from fastapi.responses import Response

from app.embeddings import service
from app.embeddings.schemas import EmbeddingsRequest, EmbeddingsResponse, ModelList, ModelObject
from app.routing import JsonRoute, Responses, problems, runtime_of, unless_gone
from app.runtime import Runtime

router = APIRouter(prefix="/v1", tags=["OpenAI-compatible"], route_class=JsonRoute)
RuntimeDependency = Annotated[Runtime, Depends(runtime_of)]

_EXAMPLES: dict[str, Any] = {
    "two_texts": {"summary": "Two texts", "value": {"model": "demo-sentiment", "input": ["안녕하세요", "hello"]}},
    "base64": {
        "summary": "One text, as base64",
        "value": {"model": "demo-sentiment", "input": "नमस्ते", "encoding_format": "base64"},
    },
}
_MODEL: dict[str, Any] = {"demo": {"value": "demo-sentiment"}}
ModelParameter = Annotated[str, Path(description="name of an encoder or bundle", openapi_examples=_MODEL)]


def errors(*statuses: int) -> Responses:
    """Describe the errors of an operation in OpenAI's shape."""
    return problems(*statuses, media="application/json", schema="OpenAIError")


@router.post(
    "/embeddings",
    operation_id="create_embeddings",
    summary="Encode texts",
    response_model=EmbeddingsResponse,
    responses=errors(400, 404, 413, 415, 429, 503),
)
async def create_embeddings(
    request: Request,
    runtime: RuntimeDependency,
    body: Annotated[EmbeddingsRequest, Body(openapi_examples=_EXAMPLES)],
) -> Response:
    """Unit vectors of texts by a bundle's encoder, neither projected nor interpolated."""
    return Response(await unless_gone(request, service.embeddings(runtime, body)), media_type="application/json")


@router.get("/models", operation_id="list_models", summary="List the encoders", responses=errors(503))
async def list_models(runtime: RuntimeDependency) -> ModelList:
    """The encoders of the bundles at hand; a bundle's name stands for its encoder."""
    return await service.models(runtime.residents)


@router.get("/models/{model:path}", operation_id="get_model", summary="Describe an encoder", responses=errors(404, 503))
async def get_model(runtime: RuntimeDependency, model: ModelParameter) -> ModelObject:
    """One encoder."""
    return await service.model(runtime.residents, model)
