"""Bodies of ``/match`` and ``/augment``; imported by the client too, so pydantic is all they need."""

from __future__ import annotations

import base64
import re
import sys
from array import array
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic.functional_validators import AfterValidator
from pydantic_core import PydanticCustomError

from app.languages import EXPECTED, LANGUAGE_SHAPE, LONGEST_TAG

ScoringName = Literal["cosine", "margin", "csls"]
VotingName = Literal["nearest", "weighted"]
SubspaceName = Literal["rich", "orthogonal", "neutral", "label", "none"]
EncodingFormat = Literal["float", "base64"]
Include = Literal["neighbors", "embedding"]


def _usable(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("empty_text", "the text is empty")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise PydanticCustomError("broken_text", "the text is not valid Unicode") from None
    return text


def _language(tag: str) -> str:
    if not re.fullmatch(LANGUAGE_SHAPE, tag):
        raise PydanticCustomError("language_tag", f"expected {EXPECTED}")
    return tag


LanguageTag = Annotated[
    str, AfterValidator(_language), Field(max_length=LONGEST_TAG, json_schema_extra={"pattern": f"^{LANGUAGE_SHAPE}$"})
]
Text = Annotated[str, AfterValidator(_usable), Field(json_schema_extra={"minLength": 1, "pattern": r"\S"})]

NAME_SHAPE: dict[str, Any] = {"pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}
"""Of bundles and revisions, for the description alone; the store checks it, in words."""

LARGEST_SEED = 2**53 - 1
"""Larger whole numbers are not the same in every JSON parser."""


class Request(BaseModel):
    """Base of request bodies: unknown fields and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class InputObject(Request):
    """A target text with what is known about it."""

    text: Text = Field(description="the text, or the premise of a pair")
    text_pair: Text | None = Field(None, description="the other text of a pair, for bundles of pairs")
    id: str | None = Field(None, max_length=512, description="your own name for it, given back")
    lang: LanguageTag | None = Field(None, description="language tag such as ko; predicted where absent")


def _form(value: Any) -> str | None:
    if isinstance(value, str):
        return "as_text"
    return "as_object" if isinstance(value, dict | InputObject) else None


Input = Annotated[
    Annotated[Text, Tag("as_text")] | Annotated[InputObject, Tag("as_object")],
    Discriminator(
        _form, custom_error_type="input_form", custom_error_message="expected a text or an object with the field text"
    ),
]


class Interpolation(Request):
    """How the synthetic embeddings are made: ``lam * source + (1 - lam) * projected target``."""

    lam: float | None = Field(None, ge=0, le=1, description="interpolation coefficient; 1 is the English end")
    alpha: float | None = Field(None, ge=1e-3, le=1e3, description="draw lam from Beta(alpha, alpha); not beside lam")
    n: int | None = Field(None, ge=1, le=64, description="embeddings of each text")
    normalize: bool | None = Field(None, description="scale them to unit length")


class AugmentChoices(Request):
    """Options of matching and interpolation; one that is null or absent has the bundle's value."""

    k: int | None = Field(None, ge=1, le=256, description="neighbours that are retrieved and vote")
    scoring: ScoringName | None = Field(None, description="how a text and an English example are compared")
    voting: VotingName | None = Field(None, description="how the label is adopted")
    tau: float | None = Field(None, ge=1e-4, le=1e4, description="temperature of the vote")
    min_cosine: float | None = Field(None, ge=-1, le=1, description="abstain below")
    min_score: float | None = Field(None, ge=-1e6, le=1e6, description="abstain below")
    min_confidence: float | None = Field(None, ge=0, le=1, description="abstain below")
    subspace: SubspaceName | None = Field(None, description="projection of the target vector before interpolation")
    interpolation: Interpolation | None = Field(None, description="ignored by /match")
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED, description="of the draws of lam")


class AugmentRequest(AugmentChoices):
    """Target texts and options; an option that is null or absent has the bundle's value."""

    bundle: str | None = Field(
        None, json_schema_extra=NAME_SHAPE, description="name of a bundle; default: the service's"
    )
    inputs: list[Input] = Field(min_length=1, description="target texts")
    include: list[Include] | None = Field(None, description="parts of the answer; default: both (/match: neighbors)")
    encoding_format: EncodingFormat | None = Field(
        None, description="embeddings as numbers (default), or as base64 of little-endian float32"
    )


class BundleReference(BaseModel):
    """Which bundle answered."""

    name: str
    revision: str


class NeighborItem(BaseModel):
    """A labeled English example that the text was compared with."""

    id: str
    text: str
    text_pair: str | None = None
    label: str
    score: float = Field(description="by the chosen scoring")
    cosine: float


class EmbeddingItem(BaseModel):
    """A synthetic embedding with its provenance."""

    embedding: list[float] | str = Field(description="numbers, or base64 of little-endian float32")
    lam: float
    subspace: SubspaceName
    source_id: str = Field(description="the English end")
    seed: int

    def values(self) -> array[float]:
        """The vector as float32, whichever form it came in; ``numpy.asarray`` takes it without a copy."""
        if isinstance(self.embedding, list):
            return array("f", self.embedding)
        numbers = array("f", base64.b64decode(self.embedding))
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers


class MatchItem(BaseModel):
    """What the matching found for one text."""

    index: int
    id: str | None
    status: Literal["matched", "abstained"]
    reason: str | None = Field(
        description="why it was abstained: `below_min_cosine`, `below_min_score`, `below_min_confidence`, or "
        "`unreadable`, where the encoder's vocabulary does not hold its script, or nothing can be seen in it"
    )
    label: str | None
    confidence: float = Field(description="the label's share in the vote")
    score: float
    cosine: float
    lang: str = Field(
        description="as given, or the likeliest of those known; `und`: it has no letter, or none has its script"
    )
    neighbors: list[NeighborItem] | None = Field(None, description="best first; absent unless included")
    n_tokens: int
    truncated: bool


class AugmentItem(MatchItem):
    """The same, with the synthetic embeddings: none where abstained."""

    embeddings: list[EmbeddingItem] | None = Field(None, description="absent unless included")


class ReportBody(BaseModel):
    """Summary over all texts of the request."""

    model_config = ConfigDict(extra="allow")

    texts: int
    coverage: float = Field(description="share of the texts that got a label")
    label_counts: dict[str, int]
    abstentions: dict[str, int]
    languages: dict[str, int]
    hubness: float = Field(description="skewness of the k-occurrence")


class UsedInterpolation(BaseModel):
    """The interpolation that was used."""

    lam: float
    alpha: float | None
    n: int
    normalize: bool


class UsedOptions(BaseModel):
    """All options that were used, in the form of the request."""

    k: int
    scoring: ScoringName
    voting: VotingName
    tau: float
    min_cosine: float | None
    min_score: float | None
    min_confidence: float | None
    subspace: SubspaceName
    interpolation: UsedInterpolation
    seed: int


class Usage(BaseModel):
    """What the request cost."""

    tokens: int
    texts: int


class MatchResponse(BaseModel):
    """Answer of ``/match``."""

    object: Literal["list"]
    bundle: BundleReference
    data: list[MatchItem]
    report: ReportBody
    options: UsedOptions
    usage: Usage


class AugmentResponse(BaseModel):
    """Answer of ``/augment``."""

    object: Literal["list"]
    bundle: BundleReference
    data: list[AugmentItem]
    report: ReportBody
    options: UsedOptions
    usage: Usage
