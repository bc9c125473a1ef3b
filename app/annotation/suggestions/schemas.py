"""Bodies of the calls of Argilla and doccano; imported by the client too, so pydantic is all they need."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.annotation.schemas import LabelChoices
from app.augment.schemas import BundleReference, LanguageTag, Request, Text, Usage

Name = Annotated[str, Field(min_length=1, max_length=200)]


class ArgillaRecord(Request):
    """A record, as Argilla's client gives it with ``to_dict``; what is not needed here may be left in."""

    model_config = Request.model_config | {"extra": "ignore"}

    id: str | int | None = None
    fields: dict[str, Any] = Field(description="the record's fields")
    metadata: dict[str, Any] = Field(default_factory=dict, description="`lang`, where it has one, is the language")


class ArgillaRequest(LabelChoices):
    """Records that want a suggestion for a label question."""

    records: list[ArgillaRecord] = Field(min_length=1)
    question: Name = Field("label", description="name of the question")
    field: Name = Field("text", description="name of the field with the text")
    field_pair: Name | None = Field(None, description="name of the field with the other text of a pair")


class ArgillaSuggestion(BaseModel):
    """A suggestion, with the names that Argilla has for its parts."""

    value: str
    score: float
    agent: str = Field(description="bundle and revision")


class ArgillaItem(BaseModel):
    """What a record gets."""

    index: int
    id: str | int | None
    suggestions: dict[str, ArgillaSuggestion] = Field(description="by question; empty where none can be made")
    reason: str | None = Field(description="why none can be made")
    n_tokens: int
    truncated: bool


class ArgillaResponse(BaseModel):
    """One item a record, in their order."""

    object: Literal["list"] = "list"
    bundle: BundleReference
    data: list[ArgillaItem]
    usage: Usage


class DoccanoRequest(LabelChoices):
    """A text that doccano is about to show."""

    text: Text = Field(description="`{{ text }}` in the template of the request")
    text_pair: Text | None = Field(None, description="the other text of a pair, for bundles of pairs")
    lang: LanguageTag | None = Field(None, description="language tag; predicted where absent")


class DoccanoLabel(BaseModel):
    """A label, as doccano's text classification takes it."""

    label: str


class DoccanoResponse(BaseModel):
    """Flat, so that a mapping template reaches everything: `{{ input.labels | tojson }}`."""

    labels: list[DoccanoLabel] = Field(description="one label; none where the service abstains")
    label: str | None
    confidence: float
    reason: str | None
    bundle: str
    revision: str
    n_tokens: int
    truncated: bool
