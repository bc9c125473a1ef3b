"""Whatever is sent, the answer is a problem with the right status, and never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.service import Service

JSON = {"content-type": "application/json"}


def body(**fields: Any) -> dict[str, Any]:
    return {"inputs": ["good film"], **fields}


BODIES: list[tuple[str, object, int, str | None]] = [
    ("empty list", {"inputs": []}, 422, "inputs"),
    ("no inputs", {}, 422, "inputs"),
    ("empty text", {"inputs": ["good", ""]}, 422, "inputs[1]"),
    ("blank text", {"inputs": [{"text": " \n"}]}, 422, "inputs[0].text"),
    ("number for text", {"inputs": ["good", 5]}, 422, "inputs[1]"),
    ("text for list", {"inputs": "good"}, 422, "inputs"),
    ("list for body", [1], 422, "body"),
    ("k as text", body(k="8"), 422, "k"),
    ("k as truth", body(k=True), 422, "k"),
    ("k too large", body(k=200), 422, "k"),
    ("k far too large", body(k=10**30), 422, "k"),
    ("k zero", body(k=0), 422, "k"),
    ("lam above 1", body(interpolation={"lam": 1.5}), 422, "interpolation.lam"),
    ("lam below 0", body(interpolation={"lam": -0.1}), 422, "interpolation.lam"),
    ("lam and alpha", body(interpolation={"lam": 0.5, "alpha": 1.0}), 422, "interpolation.alpha"),
    ("unknown option", body(min_cosin=0.5), 422, "min_cosin"),
    ("unknown inner option", body(interpolation={"lambda": 0.5}), 422, "interpolation.lambda"),
    ("unknown field of an input", {"inputs": [{"text": "a", "language": "ko"}]}, 422, "inputs[0].language"),
    ("name of a language", {"inputs": [{"text": "a", "lang": "korean"}]}, 422, "inputs[0].lang"),
    ("unknown scoring", body(scoring="euclid"), 422, "scoring"),
    ("unknown include", body(include=["vectors"]), 422, "include[0]"),
    ("unknown bundle", body(bundle="nothing"), 404, None),
    ("bad bundle name", body(bundle="../../etc"), 422, "bundle"),
    ("pair for singles", {"inputs": [{"text": "a", "text_pair": "b"}]}, 422, "inputs[0].text_pair"),
    ("single for pairs", {"inputs": ["a"], "bundle": "pairs"}, 422, "inputs[0].text_pair"),
    ("too many inputs", {"inputs": ["a"] * 301}, 422, "inputs"),
    ("long text", {"inputs": ["a", "b" * 5001]}, 422, "inputs[1].text"),
    ("1 MB text", {"inputs": ["b" * 1_048_576]}, 413, None),
]
RAW: list[tuple[str, bytes, int, str | None]] = [
    ("NaN lam", b'{"inputs": ["a"], "interpolation": {"lam": NaN}}', 422, "interpolation.lam"),
    ("infinite tau", b'{"inputs": ["a"], "tau": Infinity}', 422, "tau"),
    ("invalid UTF-8 in a text", b'{"inputs": ["a", "b\xff"]}', 422, "inputs[1]"),
    ("half a surrogate pair", b'{"inputs": ["a", {"text": "\\ud800"}]}', 422, "inputs[1].text"),
    ("invalid UTF-8 elsewhere", b'\xff{"inputs": ["a"]}', 400, None),
    ("not JSON", b'{"inputs": ["a"', 400, None),
    ("empty body", b"", 400, None),
    ("deep nesting", b"[" * 100_000, 400, None),
    ("endless number", b'{"k": ' + b"9" * 10_000 + b"}", 400, None),
]


def check(answer: httpx.Response, status: int, field: str | None) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "instance", "errors"}
    assert problem["status"] == status
    assert problem["instance"].endswith(answer.headers["x-request-id"])
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text
    if field is not None:
        assert problem["errors"][0]["field"] == field
        if field.startswith("inputs["):
            assert problem["errors"][0]["index"] == int(field[7])


@pytest.mark.parametrize("path", ["/augment", "/match"])
@pytest.mark.parametrize(("sent", "status", "field"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
def test_bad_body(http: httpx.Client, path: str, sent: object, status: int, field: str | None) -> None:
    check(http.post(path, json=sent), status, field)


@pytest.mark.parametrize(("sent", "status", "field"), [case[1:] for case in RAW], ids=[case[0] for case in RAW])
def test_bad_bytes(http: httpx.Client, sent: bytes, status: int, field: str | None) -> None:
    check(http.post("/augment", content=sent, headers=JSON), status, field)


def test_all_bad_items_are_named_at_once(http: httpx.Client) -> None:
    problem = http.post("/augment", json={"inputs": ["", "good", " "], "k": 0}).json()
    assert sorted(error["field"] for error in problem["errors"]) == ["inputs[0]", "inputs[2]", "k"]


def test_too_large_while_it_streams(http: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"inputs": ["'
        for _ in range(40):
            yield b"x" * 65536
        yield b'"]}'

    check(http.post("/augment", content=chunks(), headers=JSON), 413, None)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_wrong_content_type(http: httpx.Client, kind: str) -> None:
    check(http.post("/augment", content=b'{"inputs": ["a"]}', headers={"content-type": kind}), 415, None)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/augment", 405)])
def test_unknown_route_and_method(http: httpx.Client, method: str, path: str, status: int) -> None:
    answer = http.request(method, path)
    check(answer, status, None)
    assert status != 405 or answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/bundles/nothing", None, 404),
        ("POST", "/bundles/nothing/activate", {"revision": "r"}, 404),
        ("POST", "/bundles/pairs/activate", {"revision": "nothing"}, 404),
        ("POST", "/bundles/pairs/activate", {"revision": "../r"}, 422),
        ("POST", "/bundles/pairs/activate", {}, 422),
        ("POST", "/bundles/pairs/rollback", None, 409),
        ("POST", "/bundles/nothing/rollback", None, 404),
        ("DELETE", "/bundles/pairs/nothing", None, 404),
    ],
)
def test_bad_bundle_calls(http: httpx.Client, method: str, path: str, sent: object, status: int) -> None:
    check(http.request(method, path, json=sent), status, None)


def test_an_active_revision_cannot_be_deleted(service: Service, http: httpx.Client) -> None:
    revision = service.store.resolve("pairs").name
    check(http.delete(f"/bundles/pairs/{revision}"), 409, None)
    assert service.store.revisions("pairs") == [revision]


@pytest.mark.parametrize(
    ("sent", "status", "param"),
    [
        ({"input": [], "model": "hashing"}, 400, "input"),
        ({"input": ["a", ""], "model": "hashing"}, 400, "input[1]"),
        ({"input": [[1, 2]], "model": "hashing"}, 400, "input[0]"),
        ({"input": "a"}, 400, "model"),
        ({"input": "a", "model": "hashing", "dimensions": 3}, 400, "dimensions"),
        ({"input": "a", "model": "gpt"}, 404, None),
    ],
)
def test_v1_errors_have_the_shape_of_openai(
    http: httpx.Client, sent: dict[str, Any], status: int, param: str | None
) -> None:
    answer = http.post("/v1/embeddings", json=sent)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param


def test_nothing_of_a_text_is_logged(service: Service, http: httpx.Client) -> None:
    secret = "zanzibar-teapot"
    http.post("/augment", json={"inputs": [secret]}).raise_for_status()
    http.post("/augment", json={"inputs": [{"text": secret, "text_pair": secret}]})
    assert secret not in service.log.read_text("utf8")
