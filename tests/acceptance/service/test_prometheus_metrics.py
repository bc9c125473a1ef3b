"""The numbers under ``/metrics``, of one process and of several."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.numbers import number, numbers, series
from tests.support.service import NAME, Service, build, running, source

SECRET = "zanzibar-teapot"


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two processes"])
def counted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home: Path = tmp_path_factory.mktemp("metrics")
    build(home, NAME, source(marker="a"), "one")
    build(home, NAME, source(marker="b"), "two")
    with running(home, workers=request.param, poll_seconds=0.1) as service:
        yield service


def ask(service: Service, times: int, **fields: object) -> int:
    """Gives how many requests it took."""
    asked = 0
    for _ in range(times):  # a connection each, so that all processes are asked
        body = {"inputs": ["good film", SECRET], **fields}
        asked += 1
        while (answer := httpx.post(service.url + "/match", json=body, timeout=60)).status_code == 503:
            asked += 1
            time.sleep(0.1)  # one of the processes is not ready yet
        answer.raise_for_status()
    return asked


def test_requests_texts_and_stages_add_up(counted: Service) -> None:
    before = numbers(counted)
    asked = ask(counted, 20, min_cosine=0.999)
    httpx.get(counted.url + "/no/such/route-7")
    key = series("xite_requests_total", method="GET", route="none", status="404")
    until = time.monotonic() + 10
    while numbers(counted).get(key) == before.get(key) and time.monotonic() < until:
        time.sleep(0.05)  # an answer is counted a moment after it was sent, maybe by the other process
    time.sleep(0.2)
    after = numbers(counted)

    def grown(name: str, **labels: str) -> float:
        return after.get(series(name, **labels), 0.0) - before.get(series(name, **labels), 0.0)

    assert grown("xite_requests_total", method="POST", route="/match", status="200") == 20
    assert grown("xite_requests_total", method="GET", route="none", status="404") == 1
    assert grown("xite_request_seconds_count", route="/match") == asked
    assert grown("xite_texts_total") == 40
    assert grown("xite_abstentions_total", reason="below_min_cosine") == 40
    assert sum(grown("xite_match_score_count", scoring=scoring) for scoring in ("cosine", "margin", "csls")) == 40
    assert grown("xite_batch_tokens_total") > 80
    for stage in ("tokenize", "queue", "encode", "search"):
        assert grown("xite_stage_seconds_count", stage=stage) >= 1


def test_bundle_info_follows_activations(counted: Service) -> None:
    def served() -> dict[str, float]:
        return {
            dict(labels)["revision"]: value
            for (name, labels), value in numbers(counted).items()
            if name == "xite_bundle_info" and dict(labels)["bundle"] == NAME
        }

    counted.store.activate(NAME, "one")
    until = time.monotonic() + 20
    while served() not in ({"one": 1.0, "two": 0.0}, {"one": 1.0}) and time.monotonic() < until:
        time.sleep(0.1)
    assert served()["one"] == 1.0
    assert served().get("two", 0.0) == 0.0


def test_truncated_texts_are_counted(counted: Service) -> None:
    before = number(counted, "xite_truncated_texts_total")
    httpx.post(counted.url + "/match", json={"inputs": ["good " * 5000]}, timeout=60).raise_for_status()
    assert number(counted, "xite_truncated_texts_total") == before + 1


def test_no_text_and_no_path_of_a_stranger_gets_in(counted: Service) -> None:
    ask(counted, 1)
    httpx.get(f"{counted.url}/{SECRET}")
    httpx.get(f"{counted.url}/bundles/{SECRET}")
    assert SECRET not in httpx.get(counted.url + "/metrics").text


def test_a_killed_process_leaves_no_gauge_behind(tmp_path: Path) -> None:
    build(tmp_path, NAME, source(), "one")
    with running(tmp_path, workers=2) as service:
        ask(service, 8)
        total = number(service, "xite_requests_total", method="POST", route="/match", status="200")
        victim = next(
            child
            for child in psutil.Process(service.process.pid).children(recursive=True)
            if "spawn_main" in " ".join(child.cmdline())
        )
        os.kill(victim.pid, signal.SIGKILL)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                after = number(service, "xite_requests_total", method="POST", route="/match", status="200")
                break
            except httpx.TransportError:
                time.sleep(0.2)
        assert after == total, "what a process counted stays counted"
        assert number(service, "xite_queue_tokens") == 0
