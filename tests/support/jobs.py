"""A whole installation for tests of jobs: supervisor, Redis, API, workers, as real processes that can be hurt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.ports import free_port
from tests.support.service import NAME, pool, source
from xite_core.bundle.build import Builder, BuildOptions
from xite_core.bundle.store import BundleStore
from xite_core.encoder.hashing import HashingEncoder

TARGETS = [f"정말 {word} 영화 {i}" for i in range(12) for word in ("good", "great", "lovely", "bad", "awful", "dull")]
LEASE = 2.0


def build(home: Path, n: int = 120) -> str:
    """A bundle with held-out rows, by the encoder without weights."""
    home.mkdir(parents=True, exist_ok=True)
    builder = Builder(BundleStore(home), HashingEncoder(), BuildOptions(validation=0.2))
    revision = builder.build(NAME, [source(n)], pool()).revision
    BundleStore(home).activate(NAME, revision)
    return revision


def request(epochs: int = 3, **fields: Any) -> dict[str, Any]:
    """A fine-tuning request; many epochs make it long."""
    body: dict[str, Any] = {
        "source": {"bundle": NAME},
        "target": {"texts": TARGETS, "lang": "ko"},
        "depth": "head",
        "hyperparameters": {"epochs": epochs, "batch_size": 16, "patience": 0},
        "max_english_drop": 1.0,
        "bundle": "tuned",
    }
    return {**body, **fields}


@dataclass
class Installation:
    """A running installation.

    Parameters
    ----------
    home : Path
        The data directory.
    settings : mapping
        `Settings` by name.
    """

    home: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    port: int = field(default_factory=free_port)

    @property
    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    @property
    def log(self) -> Path:
        return self.home / "installation.log"

    def start(self) -> None:
        """Start, and wait until ready."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XITE_")}
        settings = {"job_workers": 1, "job_lease_seconds": LEASE, "job_threads": 1, "threads": 1, **self.settings}
        environment |= {f"XITE_{name.upper()}": str(value) for name, value in settings.items()}
        environment |= {"XITE_HOME": str(self.home), "XITE_PORT": str(self.port), "XITE_DEFAULT_BUNDLE": NAME}
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.serve"], env=environment, stdout=sink, stderr=sink
            )
        self.until(lambda: self._get("/health/ready") == 200, "ready")

    def stop(self) -> None:
        """End it as an operator would."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def pids(self, part: str) -> list[int]:
        """Processes of the installation whose command line holds ``part``."""
        assert self.process is not None
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if child.status() != psutil.STATUS_ZOMBIE and part in " ".join(child.cmdline()):
                    found.append(child.pid)
        return found

    def hurt(self, part: str, sent: signal.Signals = signal.SIGKILL) -> bool:
        """Send a signal to the first such process; whether there was one."""
        for pid in self.pids(part)[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, sent)
                return True
        return False

    def submit(self, body: Mapping[str, Any], kind: str = "finetune", **headers: str) -> str:
        """Submit a job and give its id."""
        with self.client as client:
            answer = client.post(f"/jobs/{kind}", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """A job as it is; waits while the service cannot tell."""
        until = time.monotonic() + 60
        while True:
            with suppress(httpx.TransportError), self.client as client:
                answer = client.get(f"/jobs/{job_id}")
                if answer.status_code == 200:
                    return dict(answer.json())
                assert answer.status_code == 503, answer.text
            assert time.monotonic() < until, self.tail()
            time.sleep(0.2)

    def wait_for(self, job_id: str, *statuses: str, seconds: float = 180) -> dict[str, Any]:
        """Wait until a job has one of the states."""
        until = time.monotonic() + seconds
        while (job := self.job(job_id))["status"] not in statuses:
            assert time.monotonic() < until, f"{job}\n{self.tail()}"
            assert not job["is_terminal"], f"{job}\n{self.tail()}"
            time.sleep(0.1)
        return job

    def wait_for_step(self, job_id: str, step: int, stage: str = "train", seconds: float = 120) -> None:
        """Wait until a job is training and has come so far."""

        def there() -> bool:
            job = self.job(job_id)
            assert not job["is_terminal"], f"{job}\n{self.tail()}"
            progress = job["progress"]
            return bool(progress["stage"] == stage and progress["step"] >= step)

        self.until(there, f"step {step}", seconds)

    def weights(self, job: Mapping[str, Any]) -> str:
        """Hash of the weights that a job made, from its artifact."""
        with self.client as client:
            answer = client.get(f"/jobs/{job['id']}/artifacts/report.json")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["weights_sha256"])

    def until(self, condition: Any, what: str, seconds: float = 120) -> None:
        """Wait for a condition."""
        until = time.monotonic() + seconds
        while not condition():
            assert self.process is None or self.process.poll() is None, self.tail()
            assert time.monotonic() < until, f"no {what}\n{self.tail()}"
            time.sleep(0.1)

    def tail(self) -> str:
        return self.log.read_text("utf8", "replace")[-4000:] if self.log.exists() else ""

    def _get(self, path: str) -> int:
        with suppress(httpx.TransportError), self.client as client:
            return client.get(path).status_code
        return 0


HORSE, WORKER, API, REDIS = "app.jobs.horse", "app.worker", "app.processes.api", "valkey-server"


@contextmanager
def installed(home: Path, **settings: Any) -> Iterator[Installation]:
    """An installation with a bundle, for the length of the block."""
    build(home)
    installation = Installation(home, settings)
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()
