"""Bodies of ``/predict``; imported by the client too, so pydantic is all they need."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from app.augment.schemas import NAME_SHAPE, BundleReference, Input, Request, Usage


class PredictRequest(Request):
    """Texts to classify."""

    bundle: str | None = Field(
        None, json_schema_extra=NAME_SHAPE, description="name of a fine-tuned bundle; default: the service's"
    )
    inputs: list[Input] = Field(min_length=1, description="texts in any language that the encoder knows")


class Prediction(BaseModel):
    """What the head says of one text."""

    index: int
    id: str | None
    label: str = Field(description="the most likely one")
    probabilities: dict[str, float] = Field(description="of every label of the bundle; their sum is 1")
    n_tokens: int
    truncated: bool
    unreadable: bool = Field(description="of an unknown script, or invisible: the label means nothing")


class PredictResponse(BaseModel):
    """Answer of ``/predict``."""

    object: Literal["list"]
    bundle: BundleReference
    data: list[Prediction]
    usage: Usage
