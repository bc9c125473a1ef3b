"""Errors of the service, and the one table from exception to status and problem type."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from xite_core import errors as core

NAMESPACE = "urn:xite:problem:"


class ServiceError(Exception):
    """Base of what the service itself refuses; its text is meant for the caller."""

    retry_after: float | None = None
    headers: ClassVar[dict[str, str]] = {}


class MalformedBodyError(ServiceError):
    """The body is not what it is declared as, such as JSON."""


class BodyTooLargeError(ServiceError):
    """The body exceeds the hard cap."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is larger than {limit:,} bytes; send it in several requests")


class MediaTypeError(ServiceError):
    """The body is not declared as what the route takes."""


class FieldError(ServiceError):
    """One field of the request cannot be used.

    Parameters
    ----------
    problem : str
        What is wrong with it.
    path : str or int
        Where it is, such as ``"inputs", 3, "text"``.
    """

    def __init__(self, problem: str, *path: str | int) -> None:
        self.entry = described(path, problem)
        super().__init__(f"{self.entry['field']}: {problem}")


class ModelNotFoundError(ServiceError):
    """No model of that name under ``/v1``."""


class NoHeadError(ServiceError):
    """The bundle's active revision was not fine-tuned."""

    def __init__(self, name: str, revision: str) -> None:
        super().__init__(
            f"bundle {name!r} has no head in its active revision {revision}; fine-tune it, then activate the result"
        )


class DatasetNotFoundError(ServiceError):
    """No dataset of that id."""

    def __init__(self, dataset_id: str) -> None:
        super().__init__(f"there is no dataset {dataset_id[:100]!r}; GET /datasets lists them")
        self.dataset_id = dataset_id


class DatasetDamagedError(ServiceError):
    """A dataset's files cannot be read any more."""

    def __init__(self, dataset_id: str) -> None:
        super().__init__(f"the files of dataset {dataset_id!r} cannot be read; delete it and upload it again")


class DatasetRefusedError(ServiceError):
    """An uploaded file has no row that can be used, or cannot be used as a whole.

    Parameters
    ----------
    problem : str
        What is wrong and what would be right.
    rows : sequence of mapping
        Bad rows, each with its ``line`` or ``row`` and a ``detail``.
    """

    def __init__(self, problem: str, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(problem)
        self.problem, self.rows = problem, rows


class BusyError(ServiceError):
    """The queue is full."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many texts are waiting; try again later")
        self.retry_after = retry_after


class UnauthenticatedError(ServiceError):
    """The call carries no valid key."""

    headers: ClassVar = {"WWW-Authenticate": 'Bearer realm="xite", Basic realm="xite", charset="UTF-8"'}

    def __init__(self, *, given: bool) -> None:
        super().__init__("the API key is not valid" if given else "this call needs an API key, as bearer token")


class ForbiddenError(ServiceError):
    """The key is not good for this call."""


class CrossSiteError(ServiceError):
    """A browser sends the call for a page of another origin."""

    def __init__(self) -> None:
        super().__init__("calls by pages of another origin are refused")


class UnknownHostError(ServiceError):
    """The call names another machine than this one."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"host {host[:100]!r} is not this machine; behind a proxy use API keys, or XITE_INSECURE if it guards"
        )


class RateLimitedError(ServiceError):
    """The key has used up its requests of this minute."""

    def __init__(self, limit: int, retry_after: float) -> None:
        super().__init__(f"this key may send {limit} requests a minute")
        self.retry_after = retry_after


class NotReadyError(ServiceError):
    """The bundle or the encoder is being loaded, or the service is stopping."""

    retry_after = 1.0


class DrainingError(NotReadyError):
    """The service was told to stop; whoever asks again on a new connection reaches another process, if there is one."""

    headers: ClassVar = {"Connection": "close"}

    def __init__(self) -> None:
        super().__init__("the service is stopping")


class DeadlineError(ServiceError):
    """The request was not done in time."""

    retry_after = 1.0


class BodyTooSlowError(ServiceError):
    """The body arrives too slowly."""

    headers: ClassVar = {"Connection": "close"}

    def __init__(self) -> None:
        super().__init__("the body came too slowly; send it at once")


class StuckError(ServiceError):
    """The computation of these texts does not end."""


class ClientGoneError(ServiceError):
    """The client closed the connection; nobody reads the answer."""


class JobNotFoundError(ServiceError):
    """There is no such job."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no job {job_id[:64]!r}")


class ArtifactNotFoundError(ServiceError):
    """The job has no such artifact."""


class JobStateError(ServiceError):
    """The job's state forbids this."""


class IdempotencyError(ServiceError):
    """An idempotency key was used for something else."""


class JobsAwayError(ServiceError):
    """Redis cannot be reached; everything but jobs goes on."""

    retry_after = 2.0

    def __init__(self) -> None:
        super().__init__("the job queue cannot be reached; try again soon")


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
        case DatasetRefusedError():
            yield from ({"field": "file", **row} for row in error.rows)
        case RequestValidationError():
            for entry in error.errors():
                yield described(_path(entry["loc"]), _words(entry))


INTERPOLATION = ("lam", "alpha", "n", "normalize")
_TAGS = {"as_text", "as_object", "as_texts"}
_PLACES = {"body", "query", "path", "header"}


def option_path(option: str) -> tuple[str, ...]:
    """Where an option of the library stands in a request."""
    return ("interpolation", option) if option in INTERPOLATION else (option,)


def described(path: Sequence[str | int], detail: str) -> dict[str, Any]:
    """Name a field in words and as a JSON pointer; for an item of ``inputs`` also its position."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    entry: dict[str, Any] = {"field": name or "body", "pointer": "#" + "".join(f"/{part}" for part in path)}
    if len(path) > 1 and path[0] in ("inputs", "input") and isinstance(path[1], int):
        entry["index"] = path[1]
    return {**entry, "detail": detail}


def _path(loc: Sequence[str | int]) -> tuple[str | int, ...]:
    start = 1 if loc and loc[0] in _PLACES else 0
    return tuple(part for part in loc[start:] if part not in _TAGS)


def _words(entry: dict[str, Any]) -> str:
    if entry["type"] == "extra_forbidden":
        return "unknown field"
    message = str(entry["msg"])
    return message[0].lower() + message[1:]
