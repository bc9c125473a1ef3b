"""``/metrics``."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.errors import JobsAwayError
from app.jobs.service import Jobs
from app.metrics.exposition import CONTENT_TYPE, exposition

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={200: {"description": "Text of Prometheus.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Requests, stages, queue, matches, bundles and jobs, of all processes together."""
    jobs: Jobs = request.state.jobs
    counts = (jobs.store.counts if await jobs.reachable() else _away) if jobs.available else None
    return Response(await asyncio.to_thread(exposition, counts), media_type=CONTENT_TYPE)


def _away() -> dict[str, int]:
    raise JobsAwayError
