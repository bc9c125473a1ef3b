"""Too much at once, clients that leave, deadlines, stopping: over real HTTP, against real processes."""

from __future__ import annotations

import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.numbers import number
from tests.support.service import NAME, Service, build, running, source

TEXT = "good film number 7 and much more about it " * 12
BIG = {"inputs": [TEXT] * 300}
PATHS = ("/match", "/augment", "/v1/embeddings")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home: Path = tmp_path_factory.mktemp("pressure")
    build(home, NAME, source(marker="a"), "one")
    return home


def body(path: str, texts: list[str]) -> dict[str, Any]:
    return {"input": texts, "model": NAME} if path == "/v1/embeddings" else {"inputs": texts}


def ask(service: Service, path: str, texts: list[str]) -> httpx.Response:
    return httpx.post(service.url + path, json=body(path, texts), timeout=60)


def test_one_queue_for_all_and_the_same_for_one_text_and_a_list(home: Path) -> None:
    with running(home, queue_tokens=2000) as service, ThreadPoolExecutor(24) as pool:
        sent = [(PATHS[i % 3], [TEXT] * (1 if i % 2 else 40)) for i in range(120)]
        answers = list(pool.map(lambda call: (call, ask(service, *call)), sent))
        refused = [(call, answer) for call, answer in answers if answer.status_code == 429]
        assert {answer.status_code for _, answer in answers} == {200, 429}
        assert {call[0] for call, _ in refused} == set(PATHS)
        assert {len(call[1]) for call, _ in refused} == {1, 40}
        for call, answer in refused:
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert ("error" in answer.json()) == call[0].startswith("/v1/")
        assert number(service, "xite_queue_tokens") == 0


def test_following_retry_after_works(home: Path) -> None:
    with running(home, queue_tokens=2000) as service, ThreadPoolExecutor(16) as pool:
        burst = [pool.submit(ask, service, "/match", [TEXT] * 40) for _ in range(64)]
        refused = [answer for answer in (one.result() for one in burst) if answer.status_code == 429]
        assert refused
        time.sleep(int(refused[-1].headers["retry-after"]))
        assert ask(service, "/match", [TEXT]).status_code == 200


def test_a_request_that_takes_too_long_is_told_so(home: Path) -> None:
    with running(home, deadline_seconds=0.05) as service:
        answer = httpx.post(service.url + "/augment", json=BIG, timeout=60)
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:xite:problem:deadline"
        assert "retry-after" in answer.headers
        assert ask(service, "/match", ["good"]).status_code == 200


def test_the_work_of_clients_that_left_is_dropped(home: Path) -> None:
    with running(home) as service:
        whole = ask(service, "/augment", BIG["inputs"])
        assert whole.status_code == 200
        tokens = number(service, "xite_batch_tokens_total")
        port = int(service.url.rpartition(":")[2])
        request = httpx.Request("POST", service.url + "/augment", json=BIG).read()
        head = (
            f"POST /augment HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(request)}\r\n"
        )
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(head.replace("Host: x", "Host: localhost").encode() + b"\r\n" + request)
        until = time.monotonic() + 30
        while number(service, "xite_queue_tokens") > 0 and time.monotonic() < until:
            time.sleep(0.05)
        done = number(service, "xite_batch_tokens_total") - tokens
        assert done < 20 * tokens / 2, "most of what nobody waits for must not be computed"
        assert number(service, "xite_queue_tokens") == 0
        assert ask(service, "/match", ["good"]).status_code == 200


def test_draining(home: Path) -> None:
    """After SIGTERM: what is under way ends well, new requests get 503 for a while, then the process ends."""
    with running(home, drain_seconds=2, batch_tokens=64) as service, httpx.Client(base_url=service.url) as http:
        under_way: list[int] = []
        stopping = threading.Event()

        def keep_asking() -> None:
            while not stopping.is_set():
                status = ask(service, "/augment", BIG["inputs"]).status_code
            under_way.append(status)

        threads = [threading.Thread(target=keep_asking) for _ in range(3)]
        for thread in threads:
            thread.start()
        while number(service, "xite_queue_tokens") == 0:
            time.sleep(0.01)
        stopping.set()
        started = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        seen = []
        while time.monotonic() - started < 1.5:
            answer = http.post("/match", json={"inputs": ["good"]})
            if answer.status_code == 503:
                seen.append(answer)
            time.sleep(0.05)
        assert len(seen) > 5
        assert seen[0].json()["detail"] == "the service is stopping"
        assert seen[0].headers["retry-after"] == "1"
        assert seen[0].headers["connection"] == "close"
        assert http.get("/health/ready").status_code == 503
        assert http.get("/health/live").status_code == 200
        for thread in threads:
            thread.join()
        assert 200 in under_way
        assert set(under_way) <= {200, 503}, "503 is for a request that just missed it"
        assert service.process.wait(20) == 0
        with pytest.raises(httpx.ConnectError):
            http.get("/health/live")


def test_limits_are_published(home: Path) -> None:
    with running(home, queue_tokens=5000, queue_seconds=2.5, deadline_seconds=7, rate_limit=9) as service:
        limits = httpx.get(service.url + "/info").json()["limits"]
        assert (limits["queue_tokens"], limits["queue_seconds"], limits["deadline_seconds"]) == (5000, 2.5, 7)
        assert limits["rate_limit"] == 9
