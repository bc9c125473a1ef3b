"""What Label Studio 1.23.2 sent, as `tests.integration.label_studio.record` kept it, against a running service."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.auth.credentials import secret_of
from tests.integration.label_studio.record import KEY
from tests.support.service import NAME, Service, build, running, source

RECORDED = Path(__file__).with_name("recorded")


def recorded(name: str) -> dict[str, Any]:
    """One call: method, path, headers, body."""
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text("utf8"))
    return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home: Path = tmp_path_factory.mktemp("home")
    build(home, NAME, source())
    with running(home) as service:
        yield service


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60) as client:
        yield client


def replay(http: httpx.Client, name: str) -> httpx.Response:
    """Send a call again, as it was."""
    call = recorded(name)
    kept = {key: value for key, value in call["headers"].items() if key != "Authorization"}
    content = json.dumps(call["body"]).encode() if call["body"] is not None else None
    return http.request(call["method"], call["path"], headers=kept, content=content)


UNDERSTOOD = sorted({path.stem for path in RECORDED.glob("*.json")} - {"webhook_start_training"})
"""All but the one that needs annotations, see below."""


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_every_recorded_call_is_understood(http: httpx.Client, name: str) -> None:
    answer = replay(http, name)
    assert answer.status_code == 200, answer.text


def test_predictions_fit_the_tasks(service: Service, http: httpx.Client) -> None:
    replay(http, "setup").raise_for_status()
    tasks = recorded("predict")["body"]["tasks"]
    results = replay(http, "predict").json()["results"]
    assert len(results) == len(tasks) > 1
    for result in results:
        assert result["model_version"] == service.store.resolve(NAME).name
        for region in result["result"]:
            assert (region["from_name"], region["to_name"], region["type"]) == ("label", "text", "choices")
            assert region["value"]["choices"] in (["positive"], ["negative"])


def test_all_calls_name_the_project_alike(http: httpx.Client) -> None:
    replay(http, "webhook_annotations_deleted").raise_for_status()
    counts = [replay(http, f"webhook_annotation_{what}").json()["annotations"] for what in ("created", "updated")]
    assert counts[0] == counts[1]
    started = replay(http, "webhook_start_training")
    assert started.status_code == 422
    assert f"{counts[0]} annotated tasks" in started.json()["detail"]
    assert replay(http, "webhook_annotations_deleted").json()["annotations"] == counts[0] - 1


def test_the_backends_calls_carry_the_key_as_basic_authentication() -> None:
    for name in ("health", "setup", "predict", "versions", "webhook_start_training"):
        header = recorded(name)["headers"]["Authorization"]
        assert header == "Basic " + base64.b64encode(f"xite:{KEY}".encode()).decode()
        assert secret_of(header) == KEY
    assert recorded("webhook_annotation_created")["headers"]["Authorization"] == f"Bearer {KEY}"


def test_no_credentials_were_recorded() -> None:
    for path in RECORDED.glob("*.json"):
        body = recorded(path.stem)["body"]
        if body is not None and "access_token" in body:
            assert body["access_token"] == "(left out)"
