"""Errors of the service; `app.faults` says how they are answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

NAMESPACE = "urn:xite:problem:"
INTERPOLATION = ("lam", "alpha", "n", "normalize")


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


class NeededError(ServiceError):
    """What is to be deleted is needed by a job that has not ended."""

    def __init__(self, what: str, job_id: str) -> None:
        super().__init__(f"{what} is needed by job {job_id}, which has not ended; wait for it or cancel it")


class IdempotencyError(ServiceError):
    """An idempotency key was used for something else."""


class JobsAwayError(ServiceError):
    """Redis cannot be reached; everything but jobs goes on."""

    retry_after = 2.0

    def __init__(self) -> None:
        super().__init__("the job queue cannot be reached; try again soon")


def described(path: Sequence[str | int], detail: str) -> dict[str, Any]:
    """Name a field in words and as a JSON pointer; for an item of ``inputs`` also its position."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    entry: dict[str, Any] = {"field": name or "body", "pointer": "#" + "".join(f"/{part}" for part in path)}
    if len(path) > 1 and path[0] in ("inputs", "input") and isinstance(path[1], int):
        entry["index"] = path[1]
    return {**entry, "detail": detail}
