"""What the client does, as generators that yield steps: the sync and the async client only differ in doing them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, Literal, TypeVar

import httpx
from httpx_sse import ServerSentEvent
from pydantic import BaseModel

from app.augment.schemas import AugmentItem, AugmentResponse
from app.client.errors import ApiError, ConnectionFailedError
from app.datasets.schemas import Dataset

Progress = Callable[[int, int | None], None]
"""Called with the number of texts (of bytes, for an upload) done and, where it is known, of all."""

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


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request whose answer is read piece by piece: an `Opened`, or what `Send` gives where it is refused."""

    request: httpx.Request
    pieces: Literal["bytes", "events"]


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer that is being read; ``pieces`` is an iterator, of the kind that the client needs."""

    response: httpx.Response
    pieces: Any


@dataclass(frozen=True, slots=True)
class Take:
    """Read the next piece; ``None`` at the end."""

    opened: Opened


Outcome = httpx.Response | httpx.TransportError | Opened | ServerSentEvent | bytes | None
Step = Send | Pause | Open | Take
Result = TypeVar("Result")
Flow = Generator[Step, Outcome, Result]
Stream = Generator[Step | Emit[Item], Outcome, None]


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

    def call(
        self,
        model: type[Model],
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        repeatable: bool = False,
        **parts: Any,
    ) -> Flow[Model]:
        """Send, wait where told to, parse.

        Parameters
        ----------
        model : type
            Of the answer.
        method, path : str
            The call.
        body : mapping, optional
            Sent as JSON.
        repeatable : bool
            Whether to send again where the answer got lost, since twice does no more than once.
        parts : Any
            Anything else that ``build`` takes, such as ``params`` and ``files``.

        Raises
        ------
        ApiError
            If the service refuses, also after waiting.
        ConnectionFailedError
            If it cannot be reached, also after waiting.
        """
        waited, attempt = 0.0, 0
        while True:
            outcome = yield Send(self.build(method, path, json=body, **parts))
            if isinstance(outcome, httpx.Response) and outcome.is_success:
                return model.model_validate_json(outcome.content)
            pause = pause_after(outcome, attempt, repeatable=repeatable)
            if pause is None or waited + pause > self.patience:
                raise error_of(outcome)
            yield Pause(pause)
            waited, attempt = waited + pause, attempt + 1

    def upload(self, path: Path, progress: Progress | None, fields: Mapping[str, Any]) -> Flow[Dataset]:
        """Send a file as a form, read piece by piece; each attempt sends it from the start."""
        given = {name: value for name, value in fields.items() if value not in (None, [])}
        with path.open("rb") as file:
            total = path.stat().st_size
            counted = file if progress is None else CountedFile(file, total, progress)
            files = {"file": (path.name, counted)}
            return (yield from self.call(Dataset, "POST", "/datasets", data=given, files=files))

    def augment_all(
        self, inputs: Iterable[Any], chunk: int, progress: Progress | None, options: Mapping[str, Any]
    ) -> Stream[AugmentItem]:
        """Augment any number of inputs, ``chunk`` at a time; items keep their position in all of the input.

        Blank texts, such as the empty lines of a file, are passed over.
        """
        total = len(inputs) if isinstance(inputs, Sized) else None
        done = 0
        for part in chunks(inputs, chunk):
            said = [i for i, text in enumerate(part) if not isinstance(text, str) or text.strip()]
            if said:
                body = augment_body([part[i] for i in said], options)
                answer = yield from self.call(AugmentResponse, "POST", "/augment", body)
                for item in answer.data:
                    yield Emit(item.model_copy(update={"index": done + said[item.index]}))
            done += len(part)
            if progress is not None:
                progress(done, total)


class CountedFile:
    """A file that tells how much of it was read.

    Parameters
    ----------
    file : BinaryIO
        What is read.
    total : int
        Its size.
    progress : callable
        Told the bytes read and the size.
    """

    def __init__(self, file: BinaryIO, total: int, progress: Progress) -> None:
        self._file, self._total, self._progress = file, total, progress

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        data = self._file.read(size)
        if data:
            self._progress(self._file.tell(), self._total)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, such as the start for another attempt."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where the next read begins."""
        return self._file.tell()

    def fileno(self) -> int:
        """By this its length is found."""
        return self._file.fileno()


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


def advance(flow: Generator[Any, Outcome, Any], outcome: Outcome) -> Any:
    """The next step, ``None`` at the end."""
    try:
        return flow.send(outcome)
    except StopIteration:
        return None


def pause_after(outcome: Outcome, attempt: int, *, repeatable: bool = False) -> float | None:
    """How long to wait before the next attempt; ``None`` where another attempt is of no use."""
    own: float = min(_FIRST_PAUSE * 2 ** min(attempt, 10), _LONGEST_PAUSE) * random.uniform(0.75, 1.25)
    if isinstance(outcome, httpx.TransportError if repeatable else httpx.ConnectError):
        return own
    if isinstance(outcome, httpx.Response) and outcome.status_code in RETRIED:
        told = outcome.headers.get("Retry-After", "")
        return float(told) if told.isdecimal() else own
    return None


def error_of(outcome: Outcome) -> Exception:
    """What a caller is told of an attempt that did not do."""
    if isinstance(outcome, httpx.Response):
        return ApiError(outcome)
    if outcome is None:
        return ConnectionFailedError("the service ends the answer again and again")
    return ConnectionFailedError(str(outcome) or type(outcome).__name__)
