"""Bodies of the calls in the form of OpenAI's API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from app.augment.schemas import EncodingFormat, Text

MAX_INPUTS = 2048


def _form(value: Any) -> str | None:
    if isinstance(value, str):
        return "as_text"
    return "as_texts" if isinstance(value, list) else None


TextOrTexts = Annotated[
    Annotated[Text, Tag("as_text")]
    | Annotated[Annotated[list[Text], Field(min_length=1, max_length=MAX_INPUTS)], Tag("as_texts")],
    Discriminator(
        _form,
        custom_error_type="input_form",
        custom_error_message="expected a text or a list of texts (lists of token ids are not supported)",
    ),
]


class EmbeddingsRequest(BaseModel):
    """Texts to encode. Fields that this service does not know are ignored, as clients of that API expect."""

    model_config = ConfigDict(strict=True, extra="ignore")

    input: TextOrTexts = Field(description="a text or a list of texts")
    model: str = Field(description="name of an encoder, as /v1/models lists it, or of a bundle")
    encoding_format: EncodingFormat | None = Field(None, description="numbers, or base64 of little-endian float32")
    dimensions: int | None = Field(None, ge=1, description="only the encoder's own length is accepted")
    user: str | None = Field(None, description="ignored")


class EmbeddingObject(BaseModel):
    """A text's vector, of unit length."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(BaseModel):
    """Tokens that were encoded."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(BaseModel):
    """The vectors, in the order of the texts."""

    object: Literal["list"]
    data: list[EmbeddingObject]
    model: str
    usage: EmbeddingsUsage


class ModelObject(BaseModel):
    """An encoder."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "xite"


class ModelList(BaseModel):
    """The encoders of the bundles."""

    object: Literal["list"] = "list"
    data: list[ModelObject]
