"""What the calls of annotation tools have in common; imported by the client too, so pydantic is all they need."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.augment.schemas import NAME_SHAPE, Request, ScoringName, VotingName


class MatchChoices(Request):
    """How texts are matched; an option that is null or absent has the bundle's value."""

    bundle: str | None = Field(
        None, json_schema_extra=NAME_SHAPE, description="name of a bundle; default: the service's"
    )
    k: int | None = Field(None, ge=1, le=256, description="neighbours that are retrieved and vote")
    scoring: ScoringName | None = Field(None, description="how a text and an English example are compared")
    voting: VotingName | None = Field(None, description="how the label is adopted")
    tau: float | None = Field(None, ge=1e-4, le=1e4, description="temperature of the vote")
    min_cosine: float | None = Field(None, ge=-1, le=1, description="no label below")
    min_score: float | None = Field(None, ge=-1e6, le=1e6, description="no label below")
    min_confidence: float | None = Field(None, ge=0, le=1, description="no label below")


class LabelChoices(MatchChoices):
    """How texts are labeled; an option that is null or absent has the bundle's value."""

    by: Literal["match", "head"] | None = Field(
        None, description="by the nearest English examples (default), or by the fine-tuned head"
    )
