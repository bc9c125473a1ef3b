"""The client against a scripted transport; sync and async run the same flows."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.augment.examples import AUGMENT_ANSWER
from app.client import ApiError, AsyncClient, Client, ConnectionFailedError
from app.datasets.examples import DATASET

Handler = Callable[[httpx.Request], httpx.Response]


def answer(request: httpx.Request) -> httpx.Response:
    inputs = json.loads(request.content)["inputs"]
    item = AUGMENT_ANSWER["data"][0]
    data = [{**item, "index": i, "id": str(text)} for i, text in enumerate(inputs)]
    return httpx.Response(200, json={**AUGMENT_ANSWER, "data": data})


def sync_client(handler: Handler, patience: float = 60) -> Client:
    http = httpx.Client(base_url="http://test", transport=httpx.MockTransport(handler))
    return Client("http://test", patience=patience, http=http)


def async_client(handler: Handler, patience: float = 60) -> AsyncClient:
    http = httpx.AsyncClient(base_url="http://test", transport=httpx.MockTransport(handler))
    return AsyncClient("http://test", patience=patience, http=http)


class Busy:
    """Refuses a few times, then answers."""

    def __init__(self, times: int, status: int = 429) -> None:
        self.times, self.status, self.calls = times, status, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if self.calls <= self.times:
            return httpx.Response(self.status, headers={"Retry-After": "7"}, json={"detail": "busy", "type": "a:busy"})
        return answer(request)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []

    async def nap(seconds: float) -> None:
        taken.append(seconds)

    monkeypatch.setattr(time, "sleep", taken.append)
    monkeypatch.setattr(asyncio, "sleep", nap)
    return taken


def test_retry_after_is_honoured(naps: list[float]) -> None:
    assert sync_client(Busy(2)).augment(["a"]).data[0].label == "positive"
    assert naps == [7, 7]
    asyncio.run(async_client(Busy(1, 503)).augment(["a"]))
    assert naps == [7, 7, 7]


def test_patience_ends(naps: list[float]) -> None:
    with pytest.raises(ApiError, match="busy") as refused:
        sync_client(Busy(99), patience=10).augment(["a"])
    assert (refused.value.status, refused.value.kind, naps) == (429, "busy", [7])


def test_a_refusal_is_told_field_by_field() -> None:
    problem = {"type": "urn:xite:problem:invalid-option", "detail": "k", "errors": [{"field": "k", "detail": "x"}]}
    with pytest.raises(ApiError) as refused:
        sync_client(lambda request: httpx.Response(422, json=problem)).augment(["a"], k=0)
    assert refused.value.errors[0]["field"] == "k"


def test_a_service_that_is_away(naps: list[float]) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(ConnectionFailedError, match="refused"):
        sync_client(away, patience=3).info()
    assert naps


def test_large_inputs_go_in_chunks_with_progress() -> None:
    seen: list[tuple[int, int | None]] = []

    def texts() -> Iterator[str]:
        yield from map(str, range(25))

    def tell(done: int, total: int | None) -> None:
        seen.append((done, total))

    items = list(sync_client(answer).augment_all(list(texts()), chunk=10, progress=tell))
    assert [(item.index, item.id) for item in items] == [(i, str(i)) for i in range(25)]
    assert seen == [(10, 25), (20, 25), (25, 25)]

    async def gather() -> list[Any]:
        return [item async for item in async_client(answer).augment_all(texts(), chunk=10, progress=tell)]

    assert asyncio.run(gather()) == items
    assert seen[3:] == [(10, None), (20, None), (25, None)]


def test_blank_lines_are_passed_over_and_positions_kept() -> None:
    items = list(sync_client(answer).augment_all(["one\n", "\n", "  ", "four", "", ""], chunk=2))
    assert [item.index for item in items] == [0, 3]


def test_chunks_stay_below_the_cap_on_bodies() -> None:
    sizes: list[int] = []

    def measure(request: httpx.Request) -> httpx.Response:
        sizes.append(len(request.content))
        return answer(request)

    assert len(list(sync_client(measure).augment_all(["한" * 50_000] * 10, chunk=256))) == 10
    assert len(sizes) > 1
    assert max(sizes) < 1_000_000


def test_an_upload_is_sent_again_from_its_start(naps: list[float], tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text\n" + "a text\n" * 50_000, "utf8")
    bodies: list[bytes] = []

    def receive(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(201, json=DATASET) if len(bodies) > 1 else httpx.Response(503, json={})

    seen: list[tuple[int, int | None]] = []
    made = sync_client(receive).upload_dataset(
        path, lang="ko", columns={"text": "review"}, progress=lambda done, of: seen.append((done, of))
    )
    assert made.id == DATASET["id"]
    assert len(bodies) == 2
    for body in bodies:
        assert path.read_bytes() in body
        assert b'name="lang"\r\n\r\nko' in body
        assert b'name="column"\r\n\r\ntext=review' in body
    size = path.stat().st_size
    assert [done for done, _ in seen].count(size) == 2
    assert {of for _, of in seen} == {size}
    bodies.clear()
    assert asyncio.run(async_client(receive).upload_dataset(path)) == made
    assert all(path.read_bytes() in body for body in bodies)


def test_both_clients_have_the_same_calls() -> None:
    def calls(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert calls(Client) == calls(AsyncClient)


def test_the_client_needs_no_heavy_library() -> None:
    code = "import app.client, sys; print([m for m in ('torch', 'numpy', 'pyarrow', 'fastapi') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
