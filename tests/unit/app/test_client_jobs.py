"""Jobs by the client against a scripted service: lost answers, broken streams, damaged files."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.client import ApiError, AsyncClient, Client, ConnectionFailedError, DamagedError

Handler = Callable[[httpx.Request], httpx.Response]
ID = "job_1"


def job(status: str = "queued", **fields: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "kind": "finetune",
        "status": status,
        "is_terminal": status in ("cancelled", "failed", "succeeded"),
        "attempt": 0,
        "progress": {"step": 0, "of": None, "eta_seconds": None, "stage": None},
        **dict.fromkeys(("started_at", "finished_at", "result", "error", "metrics")),
        "created_at": 1.0,
        "metadata": {},
        **fields,
    }


def event(number: int, status: str = "running") -> dict[str, Any]:
    return {"id": number, "type": "status", "created_at": 1.0, "data": {"status": status}}


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that may break off."""

    def __init__(self, *pieces: bytes, broken: bool = False) -> None:
        self._pieces, self._broken = pieces, broken

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._broken:
            raise httpx.ReadError("the connection broke")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class Service:
    """Streams some events a connection, and breaks or ends it then.

    Parameters
    ----------
    streams : list of list
        Ids of the events that each connection tells; a last ``None`` breaks it.
    states : list of str
        What the job's record says, one after another, the last one for ever.
    """

    def __init__(self, streams: list[list[int | None]], states: list[str]) -> None:
        self.streams, self.states = streams, states
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/events"):
            return httpx.Response(200, json=job(self.states.pop(0) if len(self.states) > 1 else self.states[0]))
        if request.headers["accept"] != "text/event-stream":
            return httpx.Response(200, json={"data": [], "has_more": False})
        self.asked.append(request.headers["last-event-id"])
        ids = self.streams.pop(0)
        told = [f"event: status\ndata: {json.dumps(event(i))}\nid: {i}\n\n".encode() for i in ids if i is not None]
        head = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=head, stream=Pieces(b": still here\n\n", *told, broken=None in ids))


def sync_client(handler: Handler, patience: float = 60) -> Client:
    http = httpx.Client(base_url="http://test", transport=httpx.MockTransport(handler))
    return Client("http://test", patience=patience, http=http)


def async_client(handler: Handler, patience: float = 60) -> AsyncClient:
    http = httpx.AsyncClient(base_url="http://test", transport=httpx.MockTransport(handler))
    return AsyncClient("http://test", patience=patience, http=http)


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []

    async def nap(seconds: float) -> None:
        taken.append(seconds)

    monkeypatch.setattr(time, "sleep", taken.append)
    monkeypatch.setattr(asyncio, "sleep", nap)
    return taken


@pytest.mark.parametrize("call", ["finetune", "augment_job", "build"])
def test_a_job_whose_answer_got_lost_is_sent_again_under_the_same_key(call: str) -> None:
    keys: list[str] = []

    def lose_first(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) % 2:
            raise httpx.ReadTimeout("no answer", request=request)
        assert json.loads(request.content) == {"seed": 7}
        return httpx.Response(202, json=job())

    assert getattr(sync_client(lose_first), call)(seed=7).id == ID
    assert asyncio.run(getattr(async_client(lose_first), call)(seed=7)).id == ID
    assert keys[0] == keys[1] != keys[2] == keys[3]
    sync_client(lose_first).finetune(idempotency_key="mine", seed=7)
    assert keys[4:] == ["mine", "mine"]


def test_a_call_that_changes_something_is_not_repeated() -> None:
    def lose(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("no answer", request=request)

    for call in ("cancel", "resume"):
        with pytest.raises(ConnectionFailedError, match="no answer"):
            getattr(sync_client(lose), call)(ID)


def test_pages_of_jobs_and_events() -> None:
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        data = [event(3)] if request.url.path.endswith("events") else [job()]
        return httpx.Response(200, json={"data": data, "has_more": True})

    client = sync_client(answer)
    assert [client.jobs(after="job_0", limit=5).data[0].id, client.events(ID, after=2, limit=1).data[0].id] == [ID, 3]
    client.jobs()
    assert asked == [{"limit": "5", "after": "job_0"}, {"after": "2", "limit": "1"}, {"limit": "20"}]


STREAMS: list[list[int | None]] = [[1, 2, None], [], [2, 3], [4]]
STATES = ["running", "running", "succeeded"]
"""Broken once, closed by a service that stops, an event told twice, then the end."""


def test_following_goes_on_where_the_connection_broke() -> None:
    service = Service([*STREAMS], [*STATES])
    assert [e.id for e in sync_client(service).follow(ID)] == [1, 2, 3, 4]
    assert service.asked == ["0", "2", "2", "3"]

    async def gather() -> list[int]:
        return [e.id async for e in async_client(again).follow(ID, after=1)]

    again = Service([*STREAMS], [*STATES])
    assert asyncio.run(gather()) == [2, 3, 4]
    assert again.asked == ["1", "2", "2", "3"]


def test_waiting_tells_the_events_and_gives_the_job() -> None:
    told: list[int] = []
    done = sync_client(Service([*STREAMS], [*STATES])).wait(ID, tell=lambda e: told.append(e.id))
    assert (done.status, told) == ("succeeded", [1, 2, 3, 4])
    assert asyncio.run(async_client(Service([*STREAMS], [*STATES])).wait(ID)).status == "succeeded"


def test_following_ends_when_patience_does(naps: list[float]) -> None:
    with pytest.raises(ConnectionFailedError, match="again and again"):
        list(sync_client(Service([[]] * 99, ["running"]), patience=10).follow(ID))
    assert 3 < sum(naps) <= 10


def test_following_an_unknown_job() -> None:
    with pytest.raises(ApiError, match="404"):
        list(sync_client(lambda request: httpx.Response(404, json={"detail": "no job"})).follow(ID))


class Files:
    """Gives a file in two pieces; the first answers break off between them."""

    def __init__(self, breaks: int = 0, digest: str | None = None) -> None:
        self.breaks, self.digest, self.paths = breaks, digest, list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.raw_path.decode())
        broken = len(self.paths) <= self.breaks
        headers = {"X-Content-SHA256": self.digest or hashlib.sha256(b"wholefile").hexdigest()}
        return httpx.Response(
            200, headers=headers, stream=Pieces(b"whole", *([] if broken else [b"file"]), broken=broken)
        )


def test_a_download_appears_whole(tmp_path: Path) -> None:
    files = Files(breaks=1)
    assert sync_client(files).download(ID, "a.txt", tmp_path) == tmp_path / "a.txt"
    assert asyncio.run(async_client(files).download(ID, "a.txt", tmp_path / "b.txt")) == tmp_path / "b.txt"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("a.txt", "b.txt"), b"wholefile"
    )
    sync_client(files).download(ID, "a/../b?", tmp_path / "c.txt")
    assert files.paths[-1] == f"/jobs/{ID}/artifacts/a%2F..%2Fb%3F"


def test_a_damaged_download_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(DamagedError, match="SHA-256"):
        sync_client(Files(digest="0" * 64)).download(ID, "a.txt", tmp_path)
    with pytest.raises(ConnectionFailedError):
        sync_client(Files(breaks=999), patience=5).download(ID, "a.txt", tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]
