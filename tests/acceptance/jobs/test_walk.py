"""Jobs from the request to the served result, over HTTP."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.client import Client
from tests.support.jobs import TARGETS, Installation, installed, request
from tests.support.service import NAME, source

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def finished(installation: Installation) -> dict[str, Any]:
    """A small job that has succeeded."""
    test = {"rows": [{"text": "정말 good 영화", "label": "positive"}, {"text": "정말 bad 영화", "label": "negative"}]}
    return installation.wait_for(installation.submit(request(2, bundle="walk", target_test=test)), "succeeded")


def test_what_a_job_says_in_the_end(finished: dict[str, Any]) -> None:
    assert (finished["kind"], finished["is_terminal"], finished["error"]) == ("finetune", True, None)
    assert finished["created_at"] <= finished["started_at"] <= finished["finished_at"]
    assert {"before", "after"} == set(finished["metrics"])
    for side in finished["metrics"].values():
        assert {"accuracy", "macro_f1"} <= set(side["english"]) & set(side["target"])
    assert finished["result"]["gate"] in ("passed", "failed")
    assert finished["result"]["activated"] is False


def test_events_as_a_list_and_as_a_stream(installation: Installation, finished: dict[str, Any]) -> None:
    path = f"/jobs/{finished['id']}/events"
    with installation.client as client:
        events, after, more = [], 0, True
        while more:
            page = client.get(path, params={"after": after, "limit": 4}).json()
            events += page["data"]
            after, more = events[-1]["id"], page["has_more"]
            assert more == (len(page["data"]) == 4 and client.get(path, params={"after": after}).json()["data"] != [])
        streamed = client.get(path, headers={**STREAM, "Last-Event-ID": "2"})
    assert [event["id"] for event in events] == [*range(1, len(events) + 1)]
    told = [event["data"]["status"] for event in events if event["type"] == "status"]
    assert told == ["queued", "running", "succeeded"]
    assert {"progress", "metrics"} < {event["type"] for event in events}
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert [json.loads(line[6:]) for line in streamed.text.splitlines() if line.startswith("data: ")] == events[2:]


def test_artifacts_come_with_their_hash(installation: Installation, finished: dict[str, Any]) -> None:
    result = finished["result"]
    with installation.client as client:
        for name in result["artifacts"]:
            answer = client.get(f"/jobs/{finished['id']}/artifacts/{name}")
            digest = hashlib.sha256(answer.content).hexdigest()
            assert digest == result["artifact_hashes"][name] == answer.headers["x-content-sha256"]
            assert answer.headers["etag"] == f'"{digest}"'
    assert "report.json" in result["artifacts"]


@pytest.mark.parametrize(
    "name",
    ["..%2Freport.json", "..%2F..%2F..%2Fmanifest.json", "%2Fetc%2Fpasswd", "%2e%2e", "report.json%00", ".report.json",
     "report.json%2F..%2Freport.json", "none.json", "a" * 200],
)  # fmt: skip
def test_tricks_in_an_artifact_name(installation: Installation, finished: dict[str, Any], name: str) -> None:
    with installation.client as client:
        answer = client.get(f"/jobs/{finished['id']}/artifacts/{name}")
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert str(installation.home) not in answer.text


def test_all_jobs_page_by_page(installation: Installation, finished: dict[str, Any]) -> None:
    with Client(f"http://127.0.0.1:{installation.port}") as client:
        client.wait(client.augment_job(bundle=NAME, target={"texts": TARGETS[:3]}).id)
        jobs, after, more = [], None, True
        while more:
            page = client.jobs(after=after, limit=2)
            jobs += page.data
            after, more = page.data[-1].id, page.has_more
    ids = [job.id for job in jobs]
    assert len(ids) == len(set(ids)) >= 2
    assert finished["id"] in ids
    assert [job.created_at for job in jobs] == sorted((job.created_at for job in jobs), reverse=True)


def test_augment_into_a_file(installation: Installation, tmp_path: Path) -> None:
    with Client(f"http://127.0.0.1:{installation.port}") as client:
        job = client.augment_job(bundle=NAME, target={"texts": TARGETS, "lang": "ko"}, format="jsonl", neighbors=True)
        done = client.wait(job.id)
        assert done.result is not None, done.error
        path = client.download(job.id, "augmented.jsonl", tmp_path)
        direct = client.augment(TARGETS[:8], bundle=NAME)
    rows = [json.loads(line) for line in path.read_text("utf8").splitlines()]
    assert [row["text"] for row in rows] == TARGETS
    assert [row["label"] for row in rows[:8]] == [item.label for item in direct.data]
    assert done.result["report"]["coverage"] == pytest.approx(sum(row["label"] is not None for row in rows) / len(rows))


def test_build_then_match(installation: Installation) -> None:
    rows = [{"text": row.text, "label": row.label} for row in source(40)]
    with Client(f"http://127.0.0.1:{installation.port}") as client:
        pool = [{"lang": "ko", "texts": TARGETS[:10]}]
        job = client.build(bundle="made", source={"rows": rows}, pool=pool, encoder="hashing", validation=0.1)
        done = client.wait(job.id)
        assert done.result is not None, done.error
        installation.until(lambda: (client.job(job.id).result or {})["activated"], "activation")
        answer = client.match(["good film number 2"], bundle="made")
    assert (answer.bundle.name, answer.bundle.revision) == ("made", done.result["revision"])
    assert answer.data[0].label == "positive"


def test_a_result_is_swapped_in_by_both_processes(tmp_path: Path) -> None:
    """Requests go on meanwhile and none fails; then back again; an open stream ends with the service."""
    failed, over = list[Any](), threading.Event()
    with installed(tmp_path / "home", workers=2) as installation:
        url = f"http://127.0.0.1:{installation.port}"

        def ask() -> None:
            while not over.is_set():
                answer = httpx.post(f"{url}/match", json={"bundle": NAME, "inputs": ["good"]}, timeout=60)
                if answer.status_code != 200:
                    failed.append(answer.text)
                time.sleep(0.05)

        installation.until(lambda: _statuses(url) == {200}, "ready in both processes")
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        with Client(url) as client:
            before = client.bundle(NAME).active
            done = client.wait(client.finetune(**request(2, bundle=NAME, auto_activate=True)).id)
            assert done.result is not None, done.error
            assert done.result["gate"] == "passed"
            installation.until(lambda: _revisions(url, "/predict") == {done.result["revision"]}, "swap")
            client.roll_back(NAME)
            installation.until(lambda: _revisions(url, "/match") == {before}, "roll-back")
        over.set()
        asking.join()
        assert not failed
        long = installation.submit(request(1000, bundle="long"))
        ended = threading.Thread(target=lambda: httpx.get(f"{url}/jobs/{long}/events", headers=STREAM, timeout=60))
        ended.start()
        time.sleep(1)
        installation.stop()
        ended.join(1)
        assert not ended.is_alive()


def _statuses(url: str) -> set[int]:
    return {httpx.get(f"{url}/health/ready", timeout=60).status_code for _ in range(20)}


def _revisions(url: str, path: str) -> set[str]:
    """Who answers, over twenty connections; the kernel spreads them over the processes."""
    answers = [httpx.post(url + path, json={"bundle": NAME, "inputs": ["good"]}, timeout=60) for _ in range(20)]
    return {answer.json().get("bundle", {}).get("revision") for answer in answers}
