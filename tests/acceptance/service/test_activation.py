"""Hot swap: no request fails, and every answer's revision matches its vectors."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.service import NAME, Service, build, running, source, wait_for
from xite_core.bundle.store import BundleStore

ACTIVATIONS = 100
CLIENTS = 4
REVISIONS = ("one", "two")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two revisions whose examples are told apart by their ids."""
    home: Path = tmp_path_factory.mktemp("swap")
    for revision in REVISIONS:
        build(home, NAME, source(marker=revision), revision)
    return home


class Load:
    """Clients that ask all the time and look at what they get."""

    def __init__(self, url: str) -> None:
        self.url, self.stopped = url, threading.Event()
        self.failures: list[Any] = []
        self.seen: list[str] = []
        self.threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self.url, timeout=60) as http:
            while not self.stopped.is_set():
                answer = http.post("/augment", json={"inputs": ["good film", "rude film number 9"], "k": 5})
                if answer.status_code != 200:
                    self.failures.append(answer.text)
                    return
                self._check(answer.json())

    def _check(self, body: dict[str, Any]) -> None:
        revision = body["bundle"]["revision"]
        used = {made["source_id"] for item in body["data"] for made in item["embeddings"]}
        used |= {neighbor["id"] for item in body["data"] for neighbor in item["neighbors"]}
        if not all(name.startswith(revision) for name in used):
            self.failures.append((revision, used))
        self.seen.append(revision)


def test_activations_under_load(home: Path) -> None:
    with running(home) as service, Load(service.url) as load, httpx.Client(base_url=service.url, timeout=60) as http:
        for i in range(ACTIVATIONS):
            wanted = REVISIONS[i % 2]
            answer = http.post(f"/bundles/{NAME}/activate", json={"revision": wanted})
            assert answer.status_code == 200, answer.text
            assert answer.json()["loaded"] == wanted
            assert http.post("/match", json={"inputs": ["good"]}).json()["bundle"]["revision"] == wanted
        load.stopped.set()
    assert load.failures == []
    assert set(load.seen) == set(REVISIONS)


def revisions_of(service: Service, asked: int) -> set[str]:
    """What several connections, and so several processes, answer with; one that is still loading says so."""
    found = set()
    for _ in range(asked):
        answer = httpx.post(service.url + "/match", json={"inputs": ["good"]}, timeout=60)
        if answer.status_code == 503 and answer.json()["type"].endswith("not-ready"):
            found.add("not ready")
            continue
        found.add(answer.raise_for_status().json()["bundle"]["revision"])
    return found


def test_several_processes_follow_the_pointer_file(home: Path) -> None:
    with running(home, workers=2, poll_seconds=0.1) as service:
        for revision in (*REVISIONS, *REVISIONS):
            service.store.activate(NAME, revision)
            until = time.monotonic() + 30
            while revisions_of(service, 8) != {revision} and time.monotonic() < until:
                time.sleep(0.1)
            assert revisions_of(service, 16) == {revision}


def test_a_damaged_revision_is_not_activated(home: Path) -> None:
    build(home, NAME, source(marker="three"), "three")
    BundleStore(home).activate(NAME, "two")
    broken = home / "bundles" / NAME / "three" / "pool.safetensors"
    broken.write_bytes(broken.read_bytes()[:-1] + b"x")
    with running(home) as service:
        before = service.store.resolve(NAME).name
        answer = httpx.post(f"{service.url}/bundles/{NAME}/activate", json={"revision": "three"}, timeout=60)
        assert answer.status_code == 503
        assert answer.json()["type"].endswith("bundle-damaged")
        assert str(home) not in answer.text
        assert service.store.resolve(NAME).name == before
        assert revisions_of(service, 2) == {before}


def test_a_damaged_pointer_does_not_hide_the_others(home: Path, tmp_path: Path) -> None:
    for name in ("aa", NAME):
        build(tmp_path, name, source(), "one")
    with running(tmp_path, default_bundle=NAME) as service:
        service.store.activate("aa", "one")
        (tmp_path / "bundles" / "aa" / "active.json").write_text("{")
        answer = httpx.get(service.url + "/bundles").raise_for_status()
        damaged, whole = answer.json()["data"]
        assert (damaged["name"], damaged["active"], damaged["revisions"]) == ("aa", None, ["one"])
        assert damaged["problem"].startswith("aa/active.json: cannot be read")
        assert (whole["name"], whole["active"], whole["problem"]) == (NAME, "one", None)
        models = httpx.get(service.url + "/v1/models").raise_for_status().json()["data"]
        assert NAME in [model["id"] for model in models]
        assert str(tmp_path) not in answer.text
        httpx.post(service.url + "/bundles/aa/activate", json={"revision": "latest"}).raise_for_status()
        assert httpx.get(service.url + "/bundles").json()["data"][0]["active"] == "one"


def test_ready_as_soon_as_there_is_a_bundle(tmp_path: Path) -> None:
    with running(tmp_path, ready=False) as service:
        wait_for(service, "/health/live", 200)
        answer = httpx.get(service.url + "/health/ready")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert httpx.post(service.url + "/match", json={"inputs": ["good"]}).status_code in (404, 503)
        build(tmp_path, NAME, source())
        wait_for(service, "/health/ready", 200)
