"""A service in a process of its own, on bundles with the hashing encoder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_port
from xite_core.bundle.build import Builder, BuildOptions
from xite_core.bundle.store import BundleStore
from xite_core.encoder.hashing import HashingEncoder
from xite_core.types import Example

NAME = "demo-sentiment"
GOOD = ("good", "great", "lovely", "tasty", "kind")
BAD = ("bad", "awful", "dull", "cold", "rude")
LANGUAGES = {"en": "the", "ko": "정말", "ar": "جدا", "hi": "बहुत"}


def source(n: int = 60, marker: str = "") -> list[Example]:
    """Labeled English; the marker makes one revision's rows differ from another's."""
    rows = []
    for i in range(n):
        words, label = ((GOOD, "positive"), (BAD, "negative"))[i % 2]
        word = words[i // 2 % len(words)]
        rows.append(Example(f"{word} film number {i} {marker}", label=label, id=f"{marker}row-{i}"))
    return rows


def pairs(n: int = 40) -> list[Example]:
    return [Example(e.text, f"it was {i}", e.label, e.id) for i, e in enumerate(source(n))]


def pool() -> dict[str, list[Example]]:
    return {lang: [Example(f"{word} {lang}{i} {i % 7}") for i in range(24)] for lang, word in LANGUAGES.items()}


def build(home: Path, name: str, rows: list[Example], revision: str | None = None, *, validation: float = 0.0) -> str:
    """Build a revision and make it the active one."""
    home.mkdir(parents=True, exist_ok=True)
    builder = Builder(BundleStore(home), HashingEncoder(), BuildOptions(validation=validation))
    made = builder.build(name, [rows], pool(), revision=revision).revision
    builder.store.activate(name, made)
    return made


@dataclass(frozen=True)
class Service:
    """A running service."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def store(self) -> BundleStore:
        return BundleStore(self.home)


@contextmanager
def running(home: Path, *, ready: bool = True, **settings: object) -> Iterator[Service]:
    """Start a service and, unless told otherwise, wait until it is ready."""
    port, log = free_port(), home / "service.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XITE_")}
    settings = {"job_workers": 0, **settings}  # few tests run jobs, and a worker costs a second of start
    environment |= {f"XITE_{name.upper()}": str(value) for name, value in settings.items()}
    environment |= {"XITE_HOME": str(home), "XITE_PORT": str(port), "XITE_LOG_LEVEL": "debug"}
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "-m", "app.serve"], env=environment, stdout=sink, stderr=sink)
    try:
        service = Service(f"http://127.0.0.1:{port}", home, process, log)
        if ready:
            wait_for(service, "/health/ready", 200)
        yield service
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(service: Service, path: str, status: int, seconds: float = 120, **options: Any) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and service.process.poll() is None:
        try:
            if httpx.get(service.url + path, timeout=5, **options).status_code == status:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"no {status} from {path}:\n" + service.log.read_text("utf8")[-3000:])
