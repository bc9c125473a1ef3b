"""The settings of the service: one frozen record, from ``XITE_*`` and the flags of ``xite serve``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.settings.process import home
from xite_core.errors import OptionError

PREFIX = "XITE_"


class Settings(BaseSettings):
    """Each field is read from ``XITE_`` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(default_factory=home, description="data directory")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    workers: int = Field(1, ge=1, le=256, description="processes")
    threads: int | None = Field(
        None, ge=1, le=1024, description="threads that compute, a process; default: cores / workers"
    )
    default_bundle: str | None = Field(
        None,
        description="bundle of requests that name none, waited for while it is not there; default: the only one, also "
        "when others come beside it",
    )

    insecure: bool = Field(False, description="listen on any address without API keys")
    api_keys_file: Path | None = Field(None, description="file of API keys; default: api-keys.json in home")
    rate_limit: int | None = Field(None, ge=1, description="requests a minute of a key that has no rate of its own")

    max_body_bytes: int = Field(1_048_576, ge=1024, description="larger bodies are refused")
    max_tasks_bytes: int = Field(67_108_864, ge=1024, description="larger bodies of Label Studio tasks are refused")
    max_inputs: int = Field(4096, ge=1, description="texts of a request")
    max_text_chars: int = Field(100_000, ge=1, description="characters of a text or of one side of a pair")
    max_dataset_bytes: int = Field(268_435_456, ge=1024, description="larger uploaded files are refused")
    max_dataset_rows: int = Field(5_000_000, ge=1, description="rows of an uploaded file")

    queue_tokens: int = Field(262_144, ge=1, description="tokens that may wait or be computed; beyond that 429")
    queue_seconds: float = Field(1.0, gt=0, description="wait in the queue, as far as it can be told, beyond that 429")
    batch_tokens: int = Field(2048, ge=16, description="tokens that are computed together")
    batch_wait_ms: float = Field(3.0, ge=0, le=1000, description="how long a batch waits for requests being tokenized")
    tokenizer_threads: int = Field(2, ge=1, le=64, description="threads that tokenize")
    deadline_seconds: float = Field(60.0, gt=0, description="a request that takes longer is answered 503")
    stall_seconds: float = Field(20.0, gt=0, description="a batch that takes longer, and far more than usual, is stuck")
    poll_seconds: float = Field(0.5, gt=0, le=60, description="how often activations by other processes are looked for")
    drain_seconds: float = Field(0.0, ge=0, description="how long new requests get 503 before it stops listening")
    shutdown_seconds: int = Field(30, ge=0, description="how long open requests may go on after a stop signal")
    redis_url: str | None = Field(
        None, description="Redis for jobs, such as redis://host:6379/0; default: one of its own in the data directory"
    )
    job_workers: int = Field(1, ge=0, le=64, description="job workers that `xite serve` starts beside the API")
    job_threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="computing threads of a job; default: one a core",
    )
    job_memory_mb: int | None = Field(None, ge=64, description="memory that a job's process may allocate")
    job_seconds: int = Field(86_400, ge=1, description="how long one attempt at a job may take")
    job_lease_seconds: float = Field(10.0, ge=1, le=600, description="silence after which an attempt counts as dead")
    job_strikes: int = Field(10, ge=1, description="attempts in a row that may die without progress")
    job_retention_days: float = Field(30.0, gt=0, description="ended jobs, their files and events are kept so long")
    dataset_retention_days: float | None = Field(None, gt=0, description="older datasets are deleted; default: never")
    revision_retention_days: float | None = Field(
        None, gt=0, description="older revisions that jobs made and nobody activated are deleted; default: never"
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")

    @property
    def compute_threads(self) -> int:
        """Threads of each process that compute."""
        return self.threads or max(1, len(os.sched_getaffinity(0)) // self.workers)


def api_keys_file(settings: Settings) -> Path:
    """Where the API keys are."""
    return settings.api_keys_file or settings.home / "api-keys.json"


def load_settings(**flags: Any) -> Settings:
    """Read the settings; flags that are not ``None`` win over the environment.

    Raises
    ------
    OptionError
        If a value does not do; it names the flag or the variable.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        name = field if field in given else PREFIX + field.upper()
        raise OptionError(name, first["input"], first["msg"].removeprefix("Input should be ")) from None


def export_settings(settings: Settings) -> None:
    """Put the settings into the environment, for the worker processes of this one."""
    for name, value in settings.model_dump().items():
        if value is not None:
            os.environ[PREFIX + name.upper()] = str(value)
