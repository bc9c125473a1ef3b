"""Bodies of the ``/bundles`` calls."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.augment.schemas import NAME_SHAPE, Request


class ActivateRequest(Request):
    """Which revision to activate."""

    revision: str = Field(
        min_length=1,
        max_length=64,
        json_schema_extra=NAME_SHAPE,
        description="a published revision, or `latest` for the newest",
    )


class RevisionItem(BaseModel):
    """A published revision."""

    revision: str
    created_at: str
    active: bool
    encoder: str
    labels: list[str]
    languages: list[str]
    pairs: bool
    counts: dict[str, int]


class BundleItem(BaseModel):
    """A name with its active revision."""

    object: Literal["bundle"] = "bundle"
    name: str
    default: bool = Field(description="whether requests that name no bundle get this one")
    active: str | None = Field(
        description="the active revision, or the newest where none was activated; null where that cannot be told"
    )
    loaded: str | None = Field(description="what this process answers with; null until it is first asked for")
    history: list[str] = Field(description="revisions that were active before, oldest first")
    revisions: list[str] = Field(description="all published revisions, oldest first")
    problem: str | None = Field(None, description="why the active revision cannot be told")


class BundleDetail(BundleItem):
    """The same, with the contents of each revision."""

    contents: list[RevisionItem]
    options: dict[str, Any] = Field(description="default options of the active revision")


class BundleList(BaseModel):
    """All names."""

    object: Literal["list"] = "list"
    data: list[BundleItem]


class Deleted(BaseModel):
    """What was deleted."""

    object: Literal["bundle.revision"] = "bundle.revision"
    name: str
    revision: str
    deleted: Literal[True] = True
