"""``/bundles``: list, describe, activate, roll back, delete."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path

from app.augment.schemas import NAME_SHAPE
from app.bundles import service
from app.bundles.schemas import ActivateRequest, BundleDetail, BundleItem, BundleList, Deleted
from app.jobs.endpoints import JobsDependency
from app.routing import JsonRoute, problems, runtime_of
from app.runtime import Runtime

router = APIRouter(prefix="/bundles", tags=["bundles"], route_class=JsonRoute)
RuntimeDependency = Annotated[Runtime, Depends(runtime_of)]

NAME = "demo-sentiment"
OLD = "20260424T101500000000-1a2b3c"
NameParameter = Annotated[
    str,
    Path(description="name of a bundle", json_schema_extra=NAME_SHAPE, openapi_examples={"demo": {"value": NAME}}),
]
RevisionParameter = Annotated[
    str, Path(description="a revision", json_schema_extra=NAME_SHAPE, openapi_examples={"old": {"value": OLD}})
]
_LATEST: dict[str, Any] = {"latest": {"summary": "The newest revision", "value": {"revision": service.LATEST}}}


@router.get("", operation_id="list_bundles", summary="List the bundles", responses=problems(503))
async def list_bundles(runtime: RuntimeDependency) -> BundleList:
    """All bundles with the active revision of each."""
    return await service.list_bundles(runtime.residents)


@router.get("/{name}", operation_id="get_bundle", summary="Describe a bundle", responses=problems(404, 422, 503))
async def get_bundle(runtime: RuntimeDependency, name: NameParameter) -> BundleDetail:
    """Its revisions, what they hold, and the default options."""
    return await service.describe(runtime.residents, name)


@router.post(
    "/{name}/activate",
    operation_id="activate_bundle",
    summary="Activate a revision",
    responses=problems(400, 404, 413, 415, 422, 503),
)
async def activate_bundle(
    runtime: RuntimeDependency, name: NameParameter, body: Annotated[ActivateRequest, Body(openapi_examples=_LATEST)]
) -> BundleItem:
    """Load a revision and serve it; requests under way end with the revision that they began with."""
    return await service.activate(runtime.residents, name, body.revision)


@router.post(
    "/{name}/rollback",
    operation_id="roll_back_bundle",
    summary="Return to the revision that was active before",
    responses=problems(404, 409, 422, 503),
)
async def roll_back_bundle(runtime: RuntimeDependency, name: NameParameter) -> BundleItem:
    """Activate the previous revision that still exists."""
    return await service.roll_back(runtime.residents, name)


@router.delete(
    "/{name}/{revision}",
    operation_id="delete_revision",
    summary="Delete a revision",
    responses=problems(404, 409, 422, 503),
)
async def delete_revision(
    runtime: RuntimeDependency, jobs: JobsDependency, name: NameParameter, revision: RevisionParameter
) -> Deleted:
    """Delete a revision that is not active and that no unfinished job is known to need."""
    await jobs.check_unneeded(f"revision {revision!r}", revision)
    return await service.delete(runtime.residents, name, revision)
