"""The one table from exception to status and problem type, and what an answer says of an exception."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.errors import (
    INTERPOLATION,
    ArtifactNotFoundError,
    BodyTooLargeError,
    BodyTooSlowError,
    BusyError,
    ClientGoneError,
    CrossSiteError,
    DatasetDamagedError,
    DatasetNotFoundError,
    DatasetRefusedError,
    DeadlineError,
    FieldError,
    ForbiddenError,
    IdempotencyError,
    JobNotFoundError,
    JobsAwayError,
    JobStateError,
    MalformedBodyError,
    MediaTypeError,
    ModelNotFoundError,
    NeededError,
    NoHeadError,
    NotReadyError,
    RateLimitedError,
    ServiceError,
    StuckError,
    UnauthenticatedError,
    UnknownHostError,
    described,
)
from xite_core import errors as core


@dataclass(frozen=True, slots=True)
class Kind:
    """Status and problem type of an exception."""

    status: int
    slug: str
    title: str


INTERNAL = Kind(500, "internal", "Internal error")
TABLE: dict[type[Exception], Kind] = {
    core.OptionError: Kind(422, "invalid-option", "An option cannot be used"),
    core.InputError: Kind(422, "invalid-input", "A text cannot be used"),
    core.BundleNotFoundError: Kind(404, "unknown-bundle", "There is no such bundle or revision"),
    core.BundleDamagedError: Kind(503, "bundle-damaged", "The bundle cannot be read"),
    core.BundleVersionError: Kind(503, "bundle-too-new", "The bundle needs a newer version"),
    core.BundleError: Kind(409, "bundle-state", "The bundle's state forbids this"),
    core.EncoderError: Kind(503, "encoder-unavailable", "The bundle's encoder cannot be used"),
    core.StorageError: Kind(503, "storage", "The disk refused"),
    RequestValidationError: Kind(422, "invalid-request", "The request cannot be used"),
    FieldError: Kind(422, "invalid-request", "The request cannot be used"),
    MalformedBodyError: Kind(400, "malformed-body", "The body cannot be read"),
    BodyTooLargeError: Kind(413, "body-too-large", "The body is too large"),
    BodyTooSlowError: Kind(408, "body-too-slow", "The body came too slowly"),
    MediaTypeError: Kind(415, "unsupported-media-type", "The body's media type cannot be used"),
    NoHeadError: Kind(409, "no-head", "The bundle cannot predict"),
    DatasetNotFoundError: Kind(404, "unknown-dataset", "There is no such dataset"),
    DatasetDamagedError: Kind(503, "dataset-damaged", "The dataset cannot be read"),
    DatasetRefusedError: Kind(422, "invalid-dataset", "The file cannot be used"),
    ModelNotFoundError: Kind(404, "unknown-model", "There is no such model"),
    BusyError: Kind(429, "busy", "Too many requests"),
    UnauthenticatedError: Kind(401, "unauthenticated", "An API key is needed"),
    ForbiddenError: Kind(403, "forbidden", "The API key is not good for this"),
    CrossSiteError: Kind(403, "cross-site", "Calls by foreign pages are refused"),
    UnknownHostError: Kind(421, "unknown-host", "The host is not this machine"),
    RateLimitedError: Kind(429, "rate-limited", "Too many requests of this key"),
    NotReadyError: Kind(503, "not-ready", "The service is not ready"),
    DeadlineError: Kind(503, "deadline", "The request was not done in time"),
    JobNotFoundError: Kind(404, "unknown-job", "There is no such job"),
    ArtifactNotFoundError: Kind(404, "unknown-artifact", "There is no such artifact"),
    NeededError: Kind(409, "needed", "A job needs it"),
    JobStateError: Kind(409, "job-state", "The job's state forbids this"),
    IdempotencyError: Kind(422, "idempotency-key", "The idempotency key was used before"),
    JobsAwayError: Kind(503, "jobs-unavailable", "Jobs are not available"),
    StuckError: Kind(500, "stuck", "The computation did not end"),
    ClientGoneError: Kind(499, "client-gone", "The client closed the connection"),
    MemoryError: Kind(503, "out-of-memory", "Not enough memory"),
    core.XiteError: INTERNAL,
    ServiceError: INTERNAL,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception in the terms of the answer, whatever its form will be."""

    kind: Kind
    detail: str
    fields: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


def fault_of(error: Exception) -> Fault:
    """Find status, words, fields and headers of an exception; nothing internal leaks out of an unexpected one."""
    if isinstance(error, HTTPException):
        return _http_fault(error)
    kind = next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), INTERNAL)
    if kind is INTERNAL:
        return Fault(kind, "something went wrong here; the request id leads to the log entry")
    fields = list(_fields(error))
    detail = str(error) or kind.title
    if isinstance(error, RequestValidationError):
        detail = fields[0]["field"] + ": " + fields[0]["detail"] if fields else kind.title
    wait = getattr(error, "retry_after", None)
    headers = dict(error.headers) if isinstance(error, ServiceError) else {}
    if wait is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if kind.status == 413:
        headers["Connection"] = "close"
    return Fault(kind, detail, fields, headers)


def _http_fault(error: HTTPException) -> Fault:
    title = HTTPStatus(error.status_code).phrase
    detail = {404: "there is no such route", 405: "this route does not take that method"}.get(error.status_code, title)
    kind = Kind(error.status_code, title.lower().replace(" ", "-"), title)
    return Fault(kind, detail, headers=dict(error.headers or {}))


def _fields(error: Exception) -> Iterator[dict[str, Any]]:
    match error:
        case core.OptionError():
            yield described(option_path(error.option), f"expected {error.expected}")
        case core.RowError():
            yield described(("inputs", error.row), error.problem)
        case FieldError():
            yield error.entry
        case core.BundleUnnamedError():
            yield described(("bundle",), str(error))
        case DatasetRefusedError():
            yield from ({"field": "file", **row} for row in error.rows)
        case RequestValidationError():
            for entry in error.errors():
                yield described(_path(entry["loc"]), _words(entry))


_TAGS = {"as_text", "as_object", "as_texts"}
_PLACES = {"body", "query", "path", "header"}


def option_path(option: str) -> tuple[str, ...]:
    """Where an option of the library stands in a request."""
    return ("interpolation", option) if option in INTERPOLATION else (option,)


def _path(loc: Sequence[str | int]) -> tuple[str | int, ...]:
    start = 1 if loc and loc[0] in _PLACES else 0
    return tuple(part for part in loc[start:] if part not in _TAGS)


def _words(entry: dict[str, Any]) -> str:
    if entry["type"] == "extra_forbidden":
        return "unknown field"
    message = str(entry["msg"])
    return message[0].lower() + message[1:]
