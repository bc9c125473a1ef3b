"""Uploads over HTTP: every form of them, what is refused, and what is left on disk."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.client import ApiError, AsyncClient, Client
from app.datasets.store import DatasetStore
from tests.support.service import Service, running

LIMIT = 300_000
JSONL = {"content-type": "application/jsonl"}
ROWS = [{"text": f"good film {i}", "label": "positive", "lang": "en"} for i in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with small limits; uploads need no bundle."""
    home: Path = tmp_path_factory.mktemp("uploads")
    settings = {"max_dataset_bytes": LIMIT, "max_dataset_rows": 2000, "max_body_bytes": 20_000, "max_text_chars": 5000}
    with running(home, ready=False, deadline_seconds=2, **settings) as service:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                httpx.get(service.url + "/health/live")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield service


@pytest.fixture
def api(uploads: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=uploads.url, timeout=60) as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_half_written(uploads: Service) -> Iterator[None]:
    """Only whole datasets are on disk after each test."""
    yield
    until = time.monotonic() + 10
    while left := [path.name for path in (uploads.home / "datasets").glob(".*")]:
        assert time.monotonic() < until, left
        time.sleep(0.05)


def refused(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"].endswith(":" + kind)
    assert "Traceback" not in answer.text
    assert "/tmp" not in answer.text
    return problem


def test_walk(api: httpx.Client, uploads: Service) -> None:
    made = api.post("/datasets?name=first&lang=ko", content=LINES + "x\n", headers=JSONL)
    assert made.status_code == 201
    body = made.json()
    assert body["bad_rows"]["count"] == 1
    assert body["bad_rows"]["listed"][0]["line"] == 6
    assert api.get(made.headers["location"]).json() == body
    assert api.get("/datasets?limit=1").json()["data"] == [body]
    assert [row.text for row in DatasetStore(uploads.home).rows(body["id"])] == [row["text"] for row in ROWS]
    assert api.delete(f"/datasets/{body['id']}").json() == {"id": body["id"], "object": "dataset", "deleted": True}
    refused(api.get(f"/datasets/{body['id']}"), 404, "unknown-dataset")
    refused(api.delete(f"/datasets/{body['id']}"), 404, "unknown-dataset")


def test_pages(api: httpx.Client) -> None:
    made = [api.post("/datasets", content=LINES, headers=JSONL).json()["id"] for _ in range(3)]
    first = api.get("/datasets", params={"limit": 2}).json()
    assert ([item["id"] for item in first["data"]], first["has_more"]) == (made[:0:-1], True)
    after = api.get("/datasets", params={"after": made[1]}).json()
    assert next(item["id"] for item in after["data"]) == made[0]
    assert api.get("/datasets", params={"after": "x"}).status_code == 422
    assert api.get("/datasets", params={"limit": 101}).status_code == 422


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
@pytest.mark.parametrize("form", [True, False])
def test_every_format_in_either_form(api: httpx.Client, tmp_path: Path, name: str, form: bool) -> None:
    path, fields = tmp_path / name, {"name": "reviews", "lang": "en", "column": ["text=review", "label=stars"]}
    table = pa.table({"review": ["good, really", "좋아요", ""], "stars": ["5", "4", "3"]})
    media = {
        "jsonl": "application/x-ndjson",
        "csv": "text/csv; charset=utf-8",
        "parquet": "application/vnd.apache.parquet",
    }
    if name.endswith("parquet"):
        pq.write_table(table, path)
    elif name.endswith("csv"):
        path.write_text('review,stars\n"good, really",5\n좋아요,4\n"",3\n', "utf8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()), "utf8")
    if form:
        answer = api.post("/datasets", data=fields, files={"file": (name, path.read_bytes())})
    else:
        headers = {"content-type": media[name.partition(".")[2]]}
        answer = api.post("/datasets", params=fields, content=path.read_bytes(), headers=headers)
    body = answer.json()
    assert answer.status_code == 201, body
    assert (body["name"], body["rows"], body["labels"], body["languages"]) == (
        "reviews",
        2,
        {"4": 1, "5": 1},
        {"en": 2},
    )
    assert body["bad_rows"]["count"] == 1
    assert ("row" in body["bad_rows"]["listed"][0]) == name.endswith("parquet")


def test_the_file_names_the_dataset_but_no_path(api: httpx.Client) -> None:
    answer = api.post("/datasets", files={"file": ("../../etc/passwd.jsonl", LINES)})
    assert answer.json()["name"] == "passwd.jsonl"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"name": "a/b"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "n" * 201}, "name"),
        ({"lang": "../ko"}, "lang"),
        ({"kind": "other"}, "kind"),
        ({"column": "review"}, "column[0]"),
        ({"column": "stars=x"}, "column[0]"),
    ],
)
def test_bad_fields(api: httpx.Client, query: dict[str, str], field: str) -> None:
    for answer in (
        api.post("/datasets", params=query, content=LINES, headers=JSONL),
        api.post("/datasets", data=query, files={"file": ("x.jsonl", LINES)}),
    ):
        assert refused(answer, 422, "invalid-request")["errors"][0]["field"] == field


def test_bad_forms(api: httpx.Client) -> None:
    files = {"file": ("x.jsonl", LINES)}
    assert refused(api.post("/datasets", data={"nam": "x"}, files=files), 422, "invalid-request")
    assert refused(api.post("/datasets", data={"lang": ["ko", "en"]}, files=files), 422, "invalid-request")
    assert refused(api.post("/datasets", files={"file": ("x.txt", LINES)}), 422, "invalid-request")
    assert refused(api.post("/datasets", files={"data": ("x.jsonl", LINES)}), 422, "invalid-request")
    form = {"content-type": "multipart/form-data; boundary=xyz"}
    refused(api.post("/datasets", content=b"--xyz\r\nnonsense", headers=form), 400, "malformed-body")
    refused(api.post("/datasets", content=b"", headers={"content-type": "multipart/form-data"}), 400, "malformed-body")
    refused(api.post("/datasets", json={"text": "a"}), 415, "unsupported-media-type")
    refused(api.post("/datasets"), 415, "unsupported-media-type")


def test_a_file_without_a_good_row(api: httpx.Client) -> None:
    before = api.get("/datasets?limit=100").json()
    answer = api.post("/datasets", content=b'{"text": ""}\n\n{"text": "b\xff"}\n', headers=JSONL)
    errors = refused(answer, 422, "invalid-dataset")["errors"]
    assert [(error["field"], error["line"]) for error in errors] == [("file", 1), ("file", 3)]
    refused(api.post("/datasets", content=b"", headers=JSONL), 422, "invalid-dataset")
    assert api.get("/datasets?limit=100").json() == before


def test_the_cap_of_uploads_is_their_own(api: httpx.Client) -> None:
    def big(size: int) -> bytes:
        return (LINES * (size // len(LINES) + 1)).encode()[:size]

    assert api.post("/datasets", content=big(100_000), headers=JSONL).status_code == 201
    refused(
        api.post("/match", content=big(100_000), headers={"content-type": "application/json"}), 413, "body-too-large"
    )
    refused(api.post("/datasets", content=big(LIMIT + 1), headers=JSONL), 413, "body-too-large")
    refused(api.post("/datasets", files={"file": ("x.jsonl", big(LIMIT + 1))}), 413, "body-too-large")

    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield big(65_536)

    refused(api.post("/datasets", content=endless(), headers=JSONL), 413, "body-too-large")


def test_too_many_rows(api: httpx.Client) -> None:
    problem = refused(api.post("/datasets", content=b'{"text": "a"}\n' * 2001, headers=JSONL), 422, "invalid-dataset")
    assert "2,000 rows" in problem["detail"]


def bomb(path: Path, values: int, size: int) -> bytes:
    """A small file of one dictionary entry that its rows repeat."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * values, pa.int32()), pa.array(["x" * size]))
    pq.write_table(pa.table({"text": text}), path, compression="zstd")
    return path.read_bytes()


def test_files_that_decode_to_too_much(api: httpx.Client, tmp_path: Path) -> None:
    parquet = {"content-type": "application/vnd.apache.parquet"}
    path = tmp_path / "bomb.parquet"
    plain = bomb(path, 10**6, 10)
    assert "rows" in refused(api.post("/datasets", content=plain, headers=parquet), 422, "invalid-dataset")["detail"]
    repeated = bomb(path, 1999, 1_100_000)  # 2.2 GB of text in a file of a few hundred bytes
    assert len(repeated) < 10_000
    refused(api.post("/datasets", content=repeated, headers=parquet), 422, "invalid-dataset")
    huge = bomb(path, 1, 20_000_000)
    assert len(huge) < LIMIT
    assert (
        "decodes to" in refused(api.post("/datasets", content=huge, headers=parquet), 422, "invalid-dataset")["detail"]
    )
    assert api.get("/health/live").status_code == 200


def test_giant_cells(api: httpx.Client) -> None:
    content = 'text\n"' + "x" * 200_000 + '"\nfine\n'
    body = api.post("/datasets", content=content, headers={"content-type": "text/csv"}).json()
    assert (body["rows"], body["bad_rows"]["listed"][0]["line"]) == (1, 2)
    assert "200,000 characters" in body["bad_rows"]["listed"][0]["detail"]


@pytest.mark.parametrize("stay", [True, False])
def test_an_upload_that_stops_leaves_nothing(uploads: Service, api: httpx.Client, stay: bool) -> None:
    host, port = uploads.url.removeprefix("http://").split(":")
    head = f"POST /datasets HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/csv\r\nContent-Length: 90000\r\n\r\ntext\n"
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode() + b"a\n" * 1000)
        until = time.monotonic() + 10
        while not list((uploads.home / "datasets").glob(".upload*")):
            assert time.monotonic() < until
            time.sleep(0.01)
        if stay:
            assert connection.recv(4096).startswith(b"HTTP/1.1 503")
    assert api.get("/health/live").status_code == 200


def test_uploads_at_once(uploads: Service) -> None:
    async def one(http: httpx.AsyncClient, i: int) -> str:
        answer = await http.post(f"/datasets?name=d{i}", content=LINES.encode(), headers=JSONL)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def several() -> list[str]:
        async with httpx.AsyncClient(base_url=uploads.url, timeout=60) as http:
            return await asyncio.gather(*(one(http, i) for i in range(5)))

    assert len(set(asyncio.run(several()))) == 5


def test_both_clients(uploads: Service, tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("review\n" + "a good film that is long enough\n" * 1900, "utf8")
    seen: list[tuple[int, int | None]] = []
    with Client(uploads.url) as client:
        made = client.upload_dataset(
            path, lang="ko", columns={"text": "review"}, progress=lambda done, of: seen.append((done, of))
        )
        assert (made.name, made.rows, made.languages, made.labeled) == ("reviews.csv", 1900, {"ko": 1900}, False)
        assert seen[-1] == (path.stat().st_size, path.stat().st_size)
        assert client.dataset(made.id) == made
        assert client.datasets(limit=1).data == [made]
        assert client.delete_dataset(made.id).deleted
        with pytest.raises(ApiError) as told:
            client.dataset(made.id)
        assert told.value.kind == "unknown-dataset"

    async def walk() -> None:
        async with AsyncClient(uploads.url) as client:
            made = await client.upload_dataset(path, name="named", columns={"text": "review"})
            assert made.name == "named"
            assert (await client.datasets(limit=1)).data == [made]
            assert (await client.delete_dataset(made.id)).deleted

    asyncio.run(walk())
