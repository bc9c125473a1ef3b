"""What the client does, as generators that yield steps: the sync and the async client only differ in doing them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx
from pydantic import BaseModel

from app.augment.schemas import AugmentItem, AugmentResponse
from app.client.errors import ApiError, ConnectionFailedError

Progress = Callable[[int, int | None], None]
"""Called with the number of texts done and, where it is known, of all texts."""

Model = TypeVar("Model", bound=BaseModel)
Item = TypeVar("Item")

RETRIED = frozenset({429, 503})
CHUNK_BYTES = 500_000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; the answer, or the transport's error, goes back into the flow."""

    request: httpx.Request


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit(Generic[Item]):
    """Hand an item to the caller."""

    item: Item


Outcome = httpx.Response | httpx.TransportError | None
Flow = Generator[Send | Pause, Outcome, Model]
Stream = Generator[Send | Pause | Emit[Item], Outcome, None]


@dataclass(frozen=True, slots=True)
class Flows:
    """The flows of all calls.

    Parameters
    ----------
    build : callable
        Makes a request, as ``httpx.Client.build_request`` does.
    patience : float
        Seconds that a call may spend waiting because the service is busy or away.
    """

    build: Callable[..., httpx.Request]
    patience: float

    def call(self, model: type[Model], method: str, path: str, body: Mapping[str, Any] | None = None) -> Flow[Model]:
        """Send, wait where told to, parse.

        Raises
        ------
        ApiError
            If the service refuses, also after waiting.
        ConnectionFailedError
            If it cannot be reached, also after waiting.
        """
        waited, attempt = 0.0, 0
        while True:
            outcome = yield Send(self.build(method, path, json=body))
            if isinstance(outcome, httpx.Response) and outcome.is_success:
                return model.model_validate_json(outcome.content)
            pause = _pause(outcome, attempt)
            if pause is None or waited + pause > self.patience:
                raise _error(outcome)
            yield Pause(pause)
            waited, attempt = waited + pause, attempt + 1

    def augment_all(
        self, inputs: Iterable[Any], chunk: int, progress: Progress | None, options: Mapping[str, Any]
    ) -> Stream[AugmentItem]:
        """Augment any number of inputs, ``chunk`` at a time; items keep their position in all of the input."""
        total = len(inputs) if isinstance(inputs, Sized) else None
        done = 0
        for part in chunks(inputs, chunk):
            answer = yield from self.call(AugmentResponse, "POST", "/augment", augment_body(part, options))
            for item in answer.data:
                yield Emit(item.model_copy(update={"index": done + item.index}))
            done += len(part)
            if progress is not None:
                progress(done, total)


def chunks(inputs: Iterable[Any], count: int) -> Iterator[list[Any]]:
    """Cut inputs into lists of at most ``count`` items that also stay well below the service's cap on bodies."""
    part: list[Any] = []
    size = 0
    for item in inputs:
        more = len(json.dumps(item, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        if part and (len(part) == count or size + more > CHUNK_BYTES):
            yield part
            part, size = [], 0
        part.append(item)
        size += more
    if part:
        yield part


def augment_body(inputs: Iterable[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request; embeddings travel as base64, a quarter of the size of numbers."""
    return {"encoding_format": "base64", **options, "inputs": list(inputs)}


def _pause(outcome: Outcome, attempt: int) -> float | None:
    """How long to wait before the next attempt; ``None`` where another attempt is of no use."""
    own: float = min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE) * random.uniform(0.75, 1.25)
    if isinstance(outcome, httpx.ConnectError):
        return own
    if isinstance(outcome, httpx.Response) and outcome.status_code in RETRIED:
        told = outcome.headers.get("Retry-After", "")
        return float(told) if told.isdecimal() else own
    return None


def _error(outcome: Outcome) -> Exception:
    if isinstance(outcome, httpx.Response):
        return ApiError(outcome)
    return ConnectionFailedError(str(outcome) or type(outcome).__name__)
