"""Bodies of the health and information calls."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from app.augment.schemas import BundleReference


class Live(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Requests are served."""

    status: Literal["ready"] = "ready"
    bundle: BundleReference | None = Field(description="the default; null where there are several and none is set")
    degraded: list[str] = Field(description="parts that are missing without which requests are still served")


class Model(BaseModel):
    """The encoder of the default bundle."""

    name: str
    fingerprint: str
    dimension: int
    max_tokens: int = Field(description="longer texts are cut")


class Limits(BaseModel):
    """What a request may ask for."""

    max_body_bytes: int
    max_inputs: int
    max_text_chars: int
    queue_tokens: int = Field(description="tokens that may wait or be computed; beyond that 429")
    queue_seconds: float = Field(description="wait in the queue, as far as it can be told, beyond that 429")
    deadline_seconds: float
    rate_limit: int | None = Field(description="requests a minute of a key that has no rate of its own")


class Info(BaseModel):
    """What this service is."""

    service: Literal["xite"] = "xite"
    version: str
    bundle: BundleReference | None
    model: Model | None
    limits: Limits
    loaded: list[BundleReference] = Field(description="bundles that this process holds")
