"""What goes wrong around the service, and what it does then: real processes, each fault made for real."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app.auth.keys import add_key
from app.auth.scopes import Scope
from app.processes import redis_server
from tests.support.jobs import API, installed, request
from tests.support.redis import wait_until_up
from tests.support.service import NAME, Service, build, running, source, wait_for

HERE = Path(__file__).parent
BIG = {"inputs": ["good film number 7 and much more about it " * 20] * 2000}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    build(home, NAME, source(marker="a"), "one")
    build(home, NAME, source(marker="b"), "two")
    return home


def match(service: Service, timeout: float = 60) -> httpx.Response:
    return httpx.post(service.url + "/match", json={"inputs": ["good film"]}, timeout=timeout)


def works(service: Service) -> bool:
    with suppress(httpx.TransportError):
        return match(service).status_code == 200
    return False


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def api_process(service: Service) -> psutil.Process:
    family = psutil.Process(service.process.pid).children(recursive=True)
    return next(process for process in family if API in " ".join(process.cmdline()))


class Redis:
    """A Redis of our own, that can be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home, self.url = home, redis_server.socket_url(home)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(redis_server.command(self.home))
        wait_until_up(self.url)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def redis() -> Iterator[Redis]:
    place = Path(tempfile.mkdtemp(prefix="xite-test-"))
    server = Redis(place)
    yield server
    server.kill()
    shutil.rmtree(place)


def submit(service: Service) -> httpx.Response:
    body = {"target": {"texts": ["좋은 영화"], "lang": "ko"}, "bundle": NAME}
    return httpx.post(service.url + "/jobs/augment", json=body, timeout=30)


def degraded(service: Service) -> list[str]:
    answer = httpx.get(service.url + "/health/ready", timeout=30)
    assert answer.status_code == 200, "without Redis the service stays ready"
    return list(answer.json()["degraded"])


def test_redis_away_at_start_in_mid_flight_and_back(home: Path, redis: Redis) -> None:
    key = add_key(home / "api-keys.json", "limited", [Scope.READ, Scope.WRITE], rate_limit=1)
    headers = {"Authorization": f"Bearer {key}"}

    def ask() -> int:
        return httpx.post(service.url + "/match", json={"inputs": ["good"]}, headers=headers).status_code

    def queue() -> httpx.Response:
        body = {"target": {"texts": ["좋은 영화"], "lang": "ko"}, "bundle": NAME}
        return httpx.post(service.url + "/jobs/augment", json=body, headers=headers, timeout=30)

    with running(home, redis_url=redis.url) as service:
        assert degraded(service) == ["jobs"]
        assert {ask() for _ in range(5)} == {200}, "rates fail open"
        refused = queue()
        assert refused.status_code == 503
        assert "retry-after" in refused.headers
        assert "xite_redis_up 0" in httpx.get(service.url + "/metrics").text
        redis.start()
        until(lambda: degraded(service) == [])
        until(lambda: 429 in {ask() for _ in range(4)}, 15)
        redis.kill()
        assert degraded(service) == ["jobs"]
        assert ask() == 200
        redis.start()
        until(lambda: degraded(service) == [])
    assert "Traceback" not in service.log.read_text("utf8")


def test_redis_that_hangs(home: Path, redis: Redis) -> None:
    """Probes and scrapes answer within a second or two, however many of them come."""
    redis.start()
    with running(home, redis_url=redis.url) as service:
        assert degraded(service) == []
        assert redis.process is not None
        redis.process.send_signal(signal.SIGSTOP)
        for _ in range(12):
            started = time.monotonic()
            assert degraded(service) == ["jobs"]
            assert "xite_redis_up 0" in httpx.get(service.url + "/metrics", timeout=30).text
            assert httpx.get(service.url + "/v1/models", timeout=30).status_code == 200
            assert match(service).status_code == 200
            assert time.monotonic() - started < 6
        redis.process.send_signal(signal.SIGCONT)
        until(lambda: degraded(service) == [])


def test_a_queued_job_survives_redis(home: Path, redis: Redis) -> None:
    redis.start()
    with running(home, redis_url=redis.url) as service:
        job = submit(service).json()["id"]
        redis.kill()
        assert httpx.get(f"{service.url}/jobs/{job}").status_code == 503
        redis.start()
        until(lambda: httpx.get(f"{service.url}/jobs/{job}").status_code == 200)
        assert httpx.get(f"{service.url}/jobs/{job}").json()["status"] == "queued"


def test_full_disk(small_disk: Callable[[str], AbstractContextManager[Path]]) -> None:
    with small_disk("24m") as disk:
        build(disk, NAME, source(marker="a"), "one")
        build(disk, NAME, source(marker="b"), "two")
        with running(disk) as service:
            job_count = len(httpx.get(service.url + "/jobs").json()["data"])
            with (disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
                while ballast.write(b"\0" * 4096):
                    pass
            assert match(service).status_code == 200
            rows = b"".join(b'{"text": "a text of a row %d", "label": "a"}\n' % i for i in range(2000))
            upload = httpx.post(service.url + "/datasets", content=rows, headers={"content-type": "application/jsonl"})
            assert upload.status_code == 503, upload.text
            assert upload.json()["type"] == "urn:xite:problem:storage"
            assert str(disk) not in upload.text
            activation = httpx.post(f"{service.url}/bundles/{NAME}/activate", json={"revision": "one"}, timeout=30)
            assert activation.status_code == 503, activation.text
            assert match(service).json()["bundle"]["revision"] == "two"
            refused = submit(service)
            assert refused.status_code in (202, 503), refused.text
            (disk / "ballast").unlink()
            until(lambda: httpx.get(service.url + "/jobs").status_code == 200)
            assert len(httpx.get(service.url + "/jobs").json()["data"]) >= job_count
            upload = httpx.post(service.url + "/datasets", content=rows, headers={"content-type": "application/jsonl"})
            assert upload.status_code == 201, upload.text
            activation = httpx.post(f"{service.url}/bundles/{NAME}/activate", json={"revision": "one"}, timeout=30)
            assert activation.status_code == 200
            assert not list(disk.rglob("*.tmp"))


def test_a_damaged_bundle_at_start(home: Path) -> None:
    """Alive and not ready, with the reason; whole again, it is served without a restart."""
    broken = home / "bundles" / NAME / "two" / "pool.safetensors"
    content = broken.read_bytes()
    broken.write_bytes(content[:-1] + b"x")
    with running(home, ready=False, poll_seconds=0.1) as service:
        wait_for(service, "/health/live", 200)
        until(lambda: "pool.safetensors" in httpx.get(service.url + "/health/ready").text)
        assert httpx.get(service.url + "/health/ready").status_code == 503
        assert match(service).status_code == 503
        broken.write_bytes(content)
        wait_for(service, "/health/ready", 200, 30)
        assert match(service).json()["bundle"]["revision"] == "two"


def test_a_bundle_that_is_taken_away_while_it_is_served(home: Path) -> None:
    with running(home, poll_seconds=0.1) as service:
        shutil.move(home / "bundles", home / "elsewhere")
        time.sleep(1)
        assert match(service).json()["bundle"]["revision"] == "two", "what is loaded is served on"
        assert httpx.get(f"{service.url}/bundles/{NAME}").status_code == 404
        shutil.move(home / "elsewhere", home / "bundles")
        until(lambda: httpx.get(f"{service.url}/bundles/{NAME}").status_code == 200)
        assert match(service).status_code == 200


@contextmanager
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    offset = tmp_path / "offset"
    offset.write_text("0")
    monkeypatch.setenv("CLOCK_OFFSET_FILE", str(offset))
    monkeypatch.setenv("PYTHONPATH", f"{HERE / 'jumping'}:{HERE.parents[2]}")
    yield lambda seconds: (offset.write_text(str(seconds)), None)[1]


@pytest.mark.parametrize("jump", [86_400.0 * 40, -86_400.0 * 40], ids=["forward", "back"])
def test_clock_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    """Deadlines, leases and batches do not follow the wall clock: a running job and requests go on."""
    with clock(tmp_path, monkeypatch) as set_clock, installed(tmp_path / "home") as installation:
        job_id = installation.submit(request(60))
        installation.wait_for_step(job_id, 2)
        with installation.client as client:
            before = client.get("/health/live").headers["date"]
            set_clock(jump)
            time.sleep(1.5)
            assert client.get("/health/live").headers["date"][:16] != before[:16], "the clock has jumped"
            for _ in range(5):
                assert client.post("/match", json={"inputs": ["good film"]}).status_code == 200
        job = installation.wait_for(job_id, "succeeded")
        assert job["attempt"] == 1, "no attempt was thought dead"


def test_file_descriptors_exhausted(home: Path) -> None:
    with running(home) as service:
        assert works(service)
        process, port = api_process(service), int(service.url.rpartition(":")[2])
        limit = process.num_fds() + 12
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit, hard))
        with ExitStack() as connections:
            for _ in range(60):
                connections.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            time.sleep(1)
            assert service.process.poll() is None
        until(lambda: works(service))
        assert process.is_running(), "the same process goes on"
        assert "Traceback" not in service.log.read_text("utf8")


def test_memory_limit(home: Path) -> None:
    """A request that does not fit fails alone; the service goes on, or is started again where it cannot."""
    with running(home, max_body_bytes=8_000_000) as service:
        assert works(service)
        process = api_process(service)
        used = process.memory_info().data
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_DATA)
        resource.prlimit(process.pid, resource.RLIMIT_DATA, (used + 3_000_000, hard))
        with suppress(httpx.TransportError):
            answer = httpx.post(service.url + "/augment", json=BIG, timeout=60)
            assert answer.status_code in (200, 500, 503), answer.text
            assert "Traceback" not in answer.text
        if process.is_running():
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (hard, hard))
        until(lambda: works(service))


def test_the_api_killed_for_its_memory_is_started_again(home: Path) -> None:
    """What the kernel's out-of-memory killer does."""
    with running(home) as service:
        before = api_process(service)
        os.kill(before.pid, signal.SIGKILL)
        until(lambda: works(service), 60)
        assert api_process(service).pid != before.pid


OTHER_VERSION = """
import app.jobs.records as records
records.FORMAT = 2
from app.worker import main
main()
"""


def test_a_worker_with_another_version_of_the_code(tmp_path: Path) -> None:
    """It leaves the jobs of this version alone, and a worker of this version takes them."""
    with installed(tmp_path / "home", job_workers=0) as installation:
        environment = {**os.environ, "XITE_HOME": str(installation.home), "XITE_THREADS": "1"}
        environment["XITE_REDIS_URL"] = redis_server.socket_url(installation.home)

        def worker(*command: str) -> subprocess.Popen[bytes]:
            return subprocess.Popen([sys.executable, *command], env=environment, stderr=subprocess.DEVNULL)

        other = worker("-c", OTHER_VERSION)
        mine: Any = None
        try:
            job_id = installation.submit(request(2))
            time.sleep(5)
            assert other.poll() is None
            job = installation.job(job_id)
            assert (job["status"], job["attempt"]) == ("queued", 0)
            mine = worker("-m", "app.worker")
            assert installation.wait_for(job_id, "succeeded")["attempt"] == 1
        finally:
            for process in (other, mine):
                if process is not None:
                    process.terminate()
                    process.wait(20)
