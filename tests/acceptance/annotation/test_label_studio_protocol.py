"""Label Studio's calls against a running service."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.annotation.label_studio.examples import CONFIGURATION
from app.annotation.portions import PORTION
from app.auth.keys import add_key
from app.auth.scopes import Scope
from tests.support.service import NAME, Service, build, running, source, wait_for

PROJECT = {"id": 1, "created_at": "2026-11-25T00:00:00Z", "label_config": CONFIGURATION}
UID = "1.1795564800"
PAIRS = (
    '<View><Text name="p" value="$premise"/><Text name="h" value="$hypothesis"/><Choices name="c" toName="p">'
    '<Choice value="Positive"/><Choice value="Negative"/></Choices></View>'
)


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url + "/label-studio", timeout=60) as client:
        yield client


def predicted(http: httpx.Client, tasks: list[Any], **changes: Any) -> list[dict[str, Any]]:
    body = {"tasks": tasks, "label_config": CONFIGURATION, "project": "9.9", **changes}
    answer = http.post("/predict", json=body)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert len(results) == len(tasks)
    return results


def test_exactly_one_prediction_a_task(service: Service, http: httpx.Client) -> None:
    texts = ["good film", "", None, 5, "x" * 5001, "\u200b", "rude film"] * (PORTION // 2)
    tasks: list[Any] = [{"id": i, "data": {"text": text}} for i, text in enumerate(texts)]
    tasks += [None, {}, {"data": []}]
    results = predicted(http, tasks)
    revision = service.store.resolve(NAME).name
    for text, result in zip([*texts, None, None, None], results, strict=True):
        assert result["model_version"] == revision
        usable = isinstance(text, str) and text.strip() and len(text) <= 5000
        if not usable:
            assert (result["result"], result["score"]) == ([], 0.0)
            assert result["reason"]
    assert results[0]["result"][0]["value"] == {"choices": ["positive"]}
    assert results[6]["result"][0]["value"] == {"choices": ["negative"]}
    assert predicted(http, []) == []


def test_the_extra_parameters_of_a_project_count(service: Service, http: httpx.Client) -> None:
    tasks = [{"id": i, "data": {"text": f"good bad film {i}"}} for i in range(20)]
    setup = {"project": "5.1", "schema": CONFIGURATION, "hostname": "", "access_token": "secret"}
    answer = http.post("/setup", json={**setup, "extra_params": {"min_confidence": 1}})
    assert answer.json() == {"model_version": service.store.resolve(NAME).name, "labels": ["negative", "positive"]}
    strict = predicted(http, tasks, project="5.1")
    assert {result["reason"] for result in strict if not result["result"]} == {"below_min_confidence"}
    assert len(strict) > sum(bool(result["result"]) for result in strict)
    http.post("/setup", json={**setup, "extra_params": None}).raise_for_status()
    assert all(result["result"] for result in predicted(http, tasks, project="5.1"))
    assert "secret" not in service.log.read_text("utf8")


def test_pairs(http: httpx.Client) -> None:
    setup = {"project": "6.1", "schema": PAIRS, "extra_params": {"bundle": "pairs"}}
    assert http.post("/setup", json=setup).json()["labels"] == ["Negative", "Positive"]
    tasks = [{"data": {"premise": "good film", "hypothesis": "it was 1"}}, {"data": {"premise": "good film"}}]
    results = predicted(http, tasks, project="6.1", label_config=PAIRS)
    assert results[0]["result"][0]["value"]["choices"][0] in ("Negative", "Positive")
    assert results[1]["reason"] == "data.hypothesis is missing"


def test_what_a_project_cannot_ask_is_told(http: httpx.Client) -> None:
    for body, field in (
        ({"schema": "<View/>"}, "schema"),
        ({"schema": PAIRS.replace('toName="p"', 'toName="p,h"')}, "schema"),
        ({"schema": CONFIGURATION, "extra_params": {"min_confidence": 2}}, "extra_params.min_confidence"),
        ({"schema": CONFIGURATION, "extra_params": "{"}, "extra_params"),
        ({}, "schema"),
    ):
        answer = http.post("/setup", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field
    missing = {"schema": CONFIGURATION, "extra_params": {"bundle": "missing"}}
    assert http.post("/setup", json=missing).status_code == 404
    head = {"project": "7.1", "schema": CONFIGURATION, "extra_params": {"by": "head"}}
    http.post("/setup", json=head).raise_for_status()
    body = {"tasks": [{"data": {"text": "good"}}], "label_config": CONFIGURATION, "project": "7.1"}
    assert http.post("/predict", json=body).status_code == 409


def submit(http: httpx.Client, number: int, label: str | None, action: str = "ANNOTATION_CREATED") -> dict[str, Any]:
    region = {"from_name": "sentiment", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
    event = {
        "action": action,
        "project": PROJECT,
        "annotation": {"id": number, "task": number, "result": [region] if label else []},
        "task": {"id": number, "data": {"text": f"text number {number}"}},
    }
    answer = http.post("/webhook", json=event)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_training_on_what_was_annotated_one_at_a_time(service: Service, http: httpx.Client) -> None:
    start = {"action": "START_TRAINING", "project": PROJECT}
    few = http.post("/webhook", json=start)
    assert few.status_code == 422
    assert "annotated tasks" in few.json()["detail"]
    for number in range(12):
        submit(http, number, ("positive", "negative")[number % 2])
    assert submit(http, 0, None, "ANNOTATION_UPDATED")["annotations"] == 11
    deleted = {"action": "ANNOTATIONS_DELETED", "project": PROJECT, "annotations": [{"id": 1}]}
    assert http.post("/webhook", json=deleted).json()["annotations"] == 10
    tasks = {"action": "TASKS_DELETED", "project": PROJECT, "tasks": [{"id": 2}]}
    assert http.post("/webhook", json=tasks).json()["annotations"] == 9
    assert http.post("/webhook", json={"action": "TASKS_CREATED", "project": PROJECT}).json()["status"] == "ignored"

    first = http.post("/webhook", json=start).json()
    assert first["status"] == "started"
    second = http.post("/webhook", json=start).json()
    assert (second["status"], second["job"]) == ("running", first["job"])
    with httpx.Client(base_url=service.url, timeout=60) as jobs:
        job = jobs.get(f"/jobs/{first['job']}").json()
        assert job["metadata"] == {"label_studio_project": UID}
        jobs.post(f"/jobs/{first['job']}/cancel").raise_for_status()
    third = http.post("/webhook", json=start).json()
    assert third["status"] == "started"
    assert third["job"] != first["job"]


def test_no_body_needs_a_payload_switched_on(http: httpx.Client) -> None:
    answer = http.post("/webhook", json={"action": "ANNOTATION_CREATED"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "project"


def test_health_and_setup_load_nothing_and_take_keys_as_label_studio_sends_them(tmp_path: Path) -> None:
    build(tmp_path, NAME, source())
    key = add_key(tmp_path / "api-keys.json", "label-studio", [Scope.READ, Scope.WRITE])
    reader = add_key(tmp_path / "api-keys.json", "reader", [Scope.READ])
    with (
        running(tmp_path, ready=False, default_bundle="another") as service,
        httpx.Client(base_url=service.url) as client,
    ):
        wait_for(service, "/health/live", 200)
        assert client.get("/label-studio/health").status_code == 401
        basic = {"Authorization": "Basic " + base64.b64encode(f"xite:{key}".encode()).decode()}
        setup = {"schema": CONFIGURATION, "extra_params": {"bundle": NAME}}
        for call in (
            lambda: client.get("/label-studio/health", headers=basic),
            lambda: client.post("/label-studio/setup", json=setup, headers=basic),
        ):
            started = time.monotonic()
            assert call().status_code == 200
            assert time.monotonic() - started < 1
        assert client.get("/info", headers=basic).json()["loaded"] == []
        event = {"action": "START_TRAINING", "project": PROJECT}
        read = {"Authorization": f"Bearer {reader}"}
        assert client.post("/label-studio/webhook", json=event, headers=read).status_code == 403
        assert client.post("/label-studio/setup", json=setup, headers=read).status_code == 403


def test_a_body_may_hold_thousands_of_tasks(http: httpx.Client) -> None:
    tasks = [{"id": i, "data": {"text": "good film"}, "meta": "x" * 4000} for i in range(600)]
    assert len(json.dumps(tasks)) > 2_000_000
    assert len(predicted(http, tasks)) == 600
