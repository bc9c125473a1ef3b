"""Bodies of ``/review``; imported by the client too, so pydantic is all they need."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.annotation.schemas import MatchChoices
from app.augment.schemas import BundleReference, Input, NeighborItem, Usage

Order = Literal["input", "uncertainty", "contradiction"]


class ReviewRequest(MatchChoices):
    """Texts to look at before anyone annotates them."""

    inputs: list[Input] = Field(min_length=1, description="target texts")
    order: Order | None = Field(
        None, description="of the items; `uncertainty` (default) and `contradiction` put first what needs a human most"
    )
    thresholds: list[Annotated[float, Field(ge=0, le=1)]] | None = Field(
        None, min_length=1, max_length=101, description="confidences at which coverage is told; default: 0 to 0.99"
    )
    near: float | None = Field(
        None, ge=0.5, le=1, description="cosine from which on two of the texts are near-duplicates; default: 0.9"
    )
    neighbors: bool = Field(False, description="give the neighbours of each text too")


class TwinItem(BaseModel):
    """An earlier text that this one nearly repeats."""

    index: int
    cosine: float = Field(description="1 where the two differ in case, width and white space at most")


class ReviewItem(BaseModel):
    """What speaks for and against a text's label."""

    index: int = Field(description="position in the request")
    id: str | None
    status: Literal["matched", "abstained"]
    reason: str | None
    label: str | None
    confidence: float
    score: float
    cosine: float
    lang: str
    uncertainty: float = Field(description="1 - confidence")
    disagreement: float = Field(description="share of the neighbours with another label")
    near_duplicate_of: TwinItem | None
    conflict: bool = Field(description="a near-duplicate of it adopted another label")
    neighbors: list[NeighborItem] | None = Field(None, description="absent unless asked for")
    n_tokens: int
    truncated: bool


class CoverageItem(BaseModel):
    """What keeps a label at a threshold."""

    min_confidence: float
    texts: int
    coverage: float
    label_counts: dict[str, int]


class BalanceItem(BaseModel):
    """How often a label was adopted, beside how often English has it."""

    label: str
    texts: int
    share: float
    source_share: float


class ReviewSummary(BaseModel):
    """What concerns all texts."""

    texts: int
    coverage: float = Field(description="share of the texts with a label")
    coverage_by_confidence: list[CoverageItem]
    balance: list[BalanceItem]
    near_duplicates: int = Field(description="texts that nearly repeat an earlier one")
    conflicts: int = Field(description="texts of which a near-duplicate has another label")
    languages: dict[str, int]


class ReviewResponse(BaseModel):
    """Answer of ``/review``."""

    object: Literal["list"] = "list"
    bundle: BundleReference
    order: Order
    data: list[ReviewItem]
    summary: ReviewSummary
    usage: Usage
