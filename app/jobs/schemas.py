"""Bodies of the ``/jobs`` calls; imported by the client too, so pydantic is all they need."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.augment.schemas import LARGEST_SEED, AugmentChoices, Input, LanguageTag, Request, Text

BundleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
DatasetId = Annotated[str, Field(pattern=r"^ds_[A-Za-z0-9]{1,64}$")]
Metadata = Annotated[dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field()]
Status = Literal["queued", "running", "cancelling", "cancelled", "succeeded", "failed"]
Kind = Literal["finetune", "augment", "build"]


class _OneOf(Request):
    """A reference that is given in exactly one of several ways."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        ways = self._ways()
        given = [name for name in ways if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(ways)}" + (f", not {len(given)}" if given else ""))
        return self

    @classmethod
    def _ways(cls) -> tuple[str, ...]:
        return tuple(name for name in ("dataset", "bundle", "rows", "texts") if name in cls.model_fields)


class LabeledRow(Request):
    """A labeled text, or pair."""

    text: Text
    label: Annotated[str, Field(min_length=1, max_length=512)]
    text_pair: Text | None = None
    id: str | None = Field(None, max_length=512)
    lang: LanguageTag | None = None


class LabeledRef(_OneOf):
    """Labeled rows: an uploaded dataset, or rows in the request."""

    dataset: DatasetId | None = None
    rows: list[LabeledRow] | None = Field(None, min_length=1)


class SourceRef(LabeledRef):
    """Labeled English: a bundle, a dataset, or rows; from the last two a bundle is built first."""

    bundle: BundleName | None = None


class TextsRef(_OneOf):
    """Unlabeled target texts; labels of a dataset are ignored."""

    dataset: DatasetId | None = None
    texts: list[Input] | None = Field(None, min_length=1)
    lang: LanguageTag | None = Field(None, description="language of texts that state none; predicted where absent")


class PoolRef(TextsRef):
    """Unlabeled texts of one language for the reference pool."""

    lang: LanguageTag


class Hyperparameters(Request):
    """How a model is fine-tuned; what is null or absent has the library's default."""

    epochs: int | None = Field(None, ge=1, le=1000)
    batch_size: int | None = Field(None, ge=1, le=4096)
    lr: float | None = Field(None, ge=1e-8, le=10)
    lora_rank: int | None = Field(
        None, ge=1, le=256, description="top:n and full: train LoRA adapters of this rank; merged into the result"
    )
    replay: float | None = Field(None, ge=0, le=1, description="fraction of each batch that is plain English")
    fraction: float | None = Field(None, ge=1e-3, le=1, description="share of the matched texts used, the surest first")
    adoption: Literal["vote", "head", "views"] | None = Field(None, description="whose label a target text adopts")
    rounds: int | None = Field(None, ge=1, le=100, description="with views: how often the labels are made anew")
    lexicon: float | None = Field(None, ge=0, le=10, description="with views: weight of the target language's words")
    prior: float | None = Field(None, ge=0, le=1, description="with views: pull of the class shares to equal ones")
    normalize: bool | None = None
    balance: bool | None = Field(None, description="the same number of synthetic examples of each label")
    warmup: float | None = Field(None, ge=0, le=1)
    clip_norm: float | None = Field(None, ge=1e-3, le=1e6)
    weight_decay: float | None = Field(None, ge=0, le=10)
    patience: int | None = Field(None, ge=0, le=1000, description="epochs without improvement; 0 never stops early")
    english_epochs: int | None = Field(None, ge=0, le=1000)
    encoder_dtype: Literal["float32", "float16"] | None = None


class FinetuneRequest(Request):
    """Fine-tune on synthetic examples, with English beside them, and publish the result."""

    source: SourceRef
    target: TextsRef
    annotated: LabeledRef | None = Field(None, description="labeled target rows to learn from, beside the source")
    target_test: LabeledRef | None = Field(None, description="labeled target rows, for evaluation only")
    depth: str | None = Field(None, pattern=r"^(head|full|top:[1-9][0-9]{0,2})$", description="head, top:n or full")
    augment: AugmentChoices | None = None
    hyperparameters: Hyperparameters | None = None
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED)
    max_english_drop: float | None = Field(None, ge=0, le=1, description="the gate: accuracy that English may lose")
    auto_activate: bool = Field(False, description="make the result active if it passes the gate")
    bundle: BundleName | None = Field(None, description="name of the result; default: the source bundle's")
    metadata: Metadata = Field(default_factory=dict, description="your own notes, given back")


class AugmentJobRequest(Request):
    """Augment a dataset into a file."""

    bundle: BundleName | None = Field(None, description="default: the service's")
    target: TextsRef
    augment: AugmentChoices | None = None
    neighbors: bool = Field(False, description="write the neighbours of each text too")
    format: Literal["parquet", "jsonl", "csv"] = "parquet"
    metadata: Metadata = Field(default_factory=dict)


class BuildRequest(Request):
    """Build a bundle from labeled English."""

    bundle: BundleName = Field(description="name of the result")
    source: LabeledRef
    pool: list[PoolRef] = Field(default_factory=list, description="in place of the shipped texts of a language")
    encoder: str = Field("xite-mini", max_length=200, description="one that GET /info lists; never a path")
    index: Literal["auto", "flat", "hnsw", "ivf_sq8"] = "auto"
    validation: float = Field(0.05, ge=0, le=0.5, description="share of the rows held out; fine-tuning needs some")
    options: AugmentChoices | None = Field(None, description="the bundle's own options")
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    activate: bool = True
    metadata: Metadata = Field(default_factory=dict)


class ProgressBody(BaseModel):
    """How far a job is."""

    step: int
    of: int | None
    eta_seconds: float | None
    stage: str | None = Field(description="what is being done; step and of count within it")


class ErrorBody(BaseModel):
    """Why a job failed."""

    code: str
    message: str


class JobBody(BaseModel):
    """A job."""

    model_config = ConfigDict(extra="ignore")

    id: str
    object: Literal["job"] = "job"
    kind: Kind
    status: Status
    is_terminal: bool
    attempt: int = Field(description="attempts begun; one that died is followed by another")
    progress: ProgressBody
    created_at: float = Field(description="seconds since 1970")
    started_at: float | None
    finished_at: float | None
    result: dict[str, Any] | None
    error: ErrorBody | None
    metrics: dict[str, Any] | None = Field(description="before and after, on English and target rows")
    metadata: dict[str, str]


class JobList(BaseModel):
    """Jobs, the newest first."""

    object: Literal["list"] = "list"
    data: list[JobBody]
    has_more: bool


class EventBody(BaseModel):
    """Something that happened to a job; ids count from 1 without holes."""

    object: Literal["job.event"] = "job.event"
    id: int
    type: str = Field(description="status, progress, metrics or log; gap where older events are no longer kept")
    created_at: float
    data: dict[str, Any]


class EventList(BaseModel):
    """Events, oldest first."""

    object: Literal["list"] = "list"
    data: list[EventBody]
    has_more: bool
