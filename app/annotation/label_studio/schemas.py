"""Bodies of Label Studio's protocol. Fields that this service does not need are ignored, as the protocol grows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError, from_json

from app.annotation.schemas import LabelChoices

FIRST_YEAR = 1970
Id = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""A number that the database of annotations takes."""


class ProtocolRequest(BaseModel):
    """Base of what Label Studio sends."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


def _as_object(value: Any) -> Any:
    """Label Studio's page takes the extra parameters as text."""
    if not isinstance(value, str):
        return value
    try:
        return from_json(value) if value.strip() else None
    except ValueError:
        raise PydanticCustomError("not_json", 'expected JSON such as {"min_confidence": 0.7}') from None


class SetupRequest(ProtocolRequest):
    """A project connects, or Label Studio looks whether it still can."""

    project: str | None = Field(None, max_length=128, description="the project's number and time of creation")
    label_schema: str = Field(alias="schema", description="the project's labeling configuration")
    extra_params: Annotated[LabelChoices | None, BeforeValidator(_as_object)] = Field(
        None, description="how the project is answered; kept until the next setup"
    )


class PredictRequest(ProtocolRequest):
    """Tasks to predict."""

    tasks: list[Any] = Field(description="objects with `data`")
    project: str | None = Field(None, max_length=128, description="the project's number and time of creation")
    label_config: str = Field(description="the project's labeling configuration")


class ProjectFacts(ProtocolRequest):
    """The project that an event is about."""

    id: Id
    created_at: datetime | None = None
    label_config: str = ""

    @property
    def uid(self) -> str:
        """The name of the project in the other calls of the protocol."""
        if self.created_at is None or self.created_at.year < FIRST_YEAR:
            return str(self.id)
        return f"{self.id}.{int(self.created_at.timestamp())}"


class AnnotationFacts(ProtocolRequest):
    """What an annotator submitted, or what is left of it: the number."""

    id: Id
    task: Id | None = None
    was_cancelled: bool = False
    result: list[dict[str, Any]] = Field(default_factory=list)


class TaskFacts(ProtocolRequest):
    """The annotated task."""

    id: Id
    data: dict[str, Any] = Field(default_factory=dict)


class Numbered(ProtocolRequest):
    """Something that is gone: its number is left."""

    id: Id


class WebhookRequest(ProtocolRequest):
    """An event of a project."""

    action: str = Field(max_length=100, description="what happened, such as ANNOTATION_CREATED or START_TRAINING")
    project: ProjectFacts | None = None
    annotation: AnnotationFacts | list[AnnotationFacts] | None = None
    annotations: list[Numbered] = Field(default_factory=list, description="deleted ones")
    tasks: list[Numbered] = Field(default_factory=list, description="deleted ones")
    task: TaskFacts | list[TaskFacts] | None = None


class Health(BaseModel):
    """The backend answers."""

    status: Literal["UP"] = "UP"
    model_class: Literal["XITE"] = "XITE"


class Setup(BaseModel):
    """The project can be answered."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str = Field(description="revision of the bundle")
    labels: list[str] = Field(description="the choices that will be predicted")


class Versions(BaseModel):
    """The revisions of a bundle."""

    versions: list[str] = Field(description="newest first")


class Prediction(BaseModel):
    """What is predicted for one task."""

    model_config = ConfigDict(protected_namespaces=())

    result: list[dict[str, Any]] = Field(description="one region with the choice; empty where nothing is predicted")
    score: Annotated[float, Field(ge=0, le=1, description="confidence; 0 where nothing is predicted")]
    model_version: str
    reason: str | None = Field(None, description="why nothing is predicted")


class PredictResponse(BaseModel):
    """One prediction a task, in the order of the tasks."""

    model_config = ConfigDict(protected_namespaces=())

    results: list[Prediction]
    model_version: str = Field(description="revision of the bundle")


class WebhookAnswer(BaseModel):
    """What became of an event."""

    status: Literal["recorded", "started", "running", "ignored"]
    detail: str
    annotations: int | None = Field(None, description="annotations of the project that are known here")
    job: str | None = Field(None, description="the fine-tuning job")
