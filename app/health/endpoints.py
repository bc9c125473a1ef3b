"""``/health/live``, ``/health/ready`` and ``/info``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from app.health import service
from app.health.schemas import Info, Live, Ready
from app.jobs.endpoints import jobs_of
from app.jobs.service import Jobs
from app.routing import problems, runtime_of
from app.runtime import Runtime

router = APIRouter(tags=["health"])
RuntimeDependency = Annotated[Runtime, Depends(runtime_of)]


@router.get("/health/live", operation_id="live", summary="Does the process live?")
async def live(runtime: RuntimeDependency) -> Live:
    """Answered as long as the process can compute; restart it otherwise."""
    return service.live(runtime)


@router.get("/health/ready", operation_id="ready", summary="Are requests served?", responses=problems(503))
async def ready(runtime: RuntimeDependency, jobs: Annotated[Jobs, Depends(jobs_of)]) -> Ready:
    """503 until the default bundle is loaded and its encoder warm."""
    return await service.ready(runtime, jobs)


@router.get("/info", operation_id="info", summary="What is this service?")
async def info(runtime: RuntimeDependency) -> Info:
    """Model, active revision, limits and version."""
    return service.info(runtime)
