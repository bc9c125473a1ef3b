"""What is made to hurt: deep JSON, strange Unicode, paths, compressed bodies."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.service import NAME, Service, build, running, source
from xite_core.encoder.registry import load_encoder
from xite_core.types import Example

ROOT = Path(__file__).resolve().parents[3]
JSON = {"content-type": "application/json"}
N = 20_000
HOSTILE = {
    "expands under NFKC": "\ufdfa" * N,
    "one word": "a" * N,
    "combining marks": "e" + "\u0301" * N,
    "joined emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * (N // 5),
    "direction overrides": "\u202e" * N + "a",
    "NUL": "a" + "\0" * N,
    "loose jamo": "\u1100\u1161" * (N // 2),
    "last code point": "\U0010ffff" * N,
    "tag characters": "a" + "\U000e0041" * N,
    "byte order marks": "\ufeff" * N + "a",
    "line and paragraph separators": "\u2028\u2029" * (N // 2) + "a",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home: Path = tmp_path_factory.mktemp("hostile")
    build(home, NAME, source())
    with running(home) as service:
        yield service


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_strange_texts_are_answered_and_given_back_unchanged(service: Service, text: str) -> None:
    started = time.monotonic()
    body = {"inputs": [{"id": text[:100], "text": text}, "good film"], "include": ["neighbors", "embedding"]}
    answer = httpx.post(service.url + "/augment", content=json.dumps(body), headers=JSON, timeout=30)
    assert answer.status_code == 200, answer.text[:500]
    assert answer.json()["data"][0]["id"] == text[:100]
    assert answer.json()["data"][1]["label"] == "positive"
    assert time.monotonic() - started < 10


def test_the_shipped_tokenizer_is_not_slowed_down() -> None:
    encoder = load_encoder("xite-mini")
    started = time.monotonic()
    for text in HOSTILE.values():
        assert encoder.tokenize([Example(text * 5)]).n_tokens[0] <= encoder.spec.max_tokens
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "path", ["/augment", "/match", "/label-studio/predict", "/label-studio/webhook", "/jobs/build"]
)
@pytest.mark.parametrize("opened", [65, 900, 50_000])
@pytest.mark.parametrize("piece", ["[", '{"a":'], ids=["lists", "objects"])
def test_deep_json(service: Service, path: str, opened: int, piece: str) -> None:
    deep = piece * opened + "1" + ("]" if piece == "[" else "}") * opened
    body = '{"inputs": ["a"], "tasks": ' + deep + "}"
    answer = httpx.post(service.url + path, content=body, headers=JSON, timeout=30)
    assert answer.status_code == 400
    assert "deep" in answer.json()["detail"]


def test_wide_json_is_not_deep(service: Service) -> None:
    body = {"inputs": [{"text": "good"} for _ in range(500)]}
    assert httpx.post(service.url + "/match", json=body, timeout=30).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/bundles/..%2f..%2fetc",
        "/bundles/%2e%2e",
        "/bundles/a%00b",
        "/datasets/..%2F..%2Fapi-keys.json",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/jobs/..%2f..%2fx/artifacts/report.json",
        "/jobs/a/artifacts/..%2f..%2fapi-keys.json",
        "/v1/models/../../etc/passwd",
    ],
)
def test_paths_lead_nowhere(service: Service, path: str) -> None:
    answer = httpx.get(service.url + path)
    assert answer.status_code in (404, 422, 503), answer.text
    assert "root:" not in answer.text
    assert str(service.home) not in answer.text


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, identity"])
@pytest.mark.parametrize("path", ["/augment", "/datasets"])
def test_compressed_bodies_are_not_taken(service: Service, coding: str, path: str) -> None:
    headers = {"content-encoding": coding, "content-type": "application/json" if path == "/augment" else "text/csv"}
    answer = httpx.post(service.url + path, content=b"\x1f\x8b" + b"\0" * 1000, headers=headers)
    assert answer.status_code == 415
    assert "decompressed" in answer.json()["detail"]


@pytest.mark.parametrize(
    "encoder", ["../../etc", "/etc", "someone/model", "http://169.254.169.254/latest", "file:///etc"]
)
def test_an_encoder_is_neither_fetched_nor_read_for_a_request(service: Service, encoder: str) -> None:
    rows = [{"text": f"text {i}", "label": "ab"[i % 2]} for i in range(8)]
    body = {"bundle": "b", "source": {"rows": rows}, "encoder": encoder}
    answer = httpx.post(service.url + "/jobs/build", json=body, timeout=30)
    assert answer.status_code in (422, 503), answer.text


def test_no_pickle_no_remote_code_no_shell() -> None:
    found = []
    for folder in ("app", "xite_core"):
        for path in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(path.read_text("utf8"))
            found += [f"{path.relative_to(ROOT)}:{node.lineno}" for node in ast.walk(tree) if _is_dangerous(node)]
    assert found == []


def _is_dangerous(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return any(name.name.split(".")[0] in ("pickle", "marshal", "shelve", "dill", "joblib") for name in names)
        case ast.ImportFrom(module=module):
            return (module or "").split(".")[0] in ("pickle", "marshal", "shelve", "dill", "joblib")
        case ast.Call(func=ast.Name(id="eval" | "exec")):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load")):
            return True
        case ast.Call(keywords=keywords):
            wrong = {"shell": True, "trust_remote_code": True, "allow_pickle": True}
            return any(
                key.arg in wrong and isinstance(key.value, ast.Constant) and key.value.value is True for key in keywords
            )
    return False
