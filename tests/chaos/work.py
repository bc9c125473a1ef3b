"""Jobs that run meanwhile, and what has to hold of each."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

from app.client import Client, ClientError
from app.jobs.schemas import EventBody, JobBody
from tests.support.jobs import TARGETS, Installation, request
from tests.support.service import NAME
from xite_core.bundle.bundle import open_bundle
from xite_core.bundle.store import BundleStore
from xite_core.errors import XiteError

PATIENCE = 600.0


@dataclass(frozen=True)
class Finished:
    """A job that has ended."""

    kind: str
    attempts: int
    seconds: float
    events: int


@dataclass
class Ledger:
    """What was accepted, what ended, what was wrong."""

    accepted: list[str] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def hold(self, fine: bool, what: str) -> None:
        """Note a violation where something does not hold."""
        if not fine:
            self.violations.append(what)


@dataclass(frozen=True)
class Kind:
    """A kind of work.

    Parameters
    ----------
    name : str
        Of the kind, and the beginning of its bundles' names.
    submit : callable
        Given a client and the name of the result.
    proof : callable
        What has to be the same for each job of the kind.
    """

    name: str
    submit: Callable[[Client, str], JobBody]
    proof: Callable[[Client, JobBody], str]


def kinds(epochs: int) -> list[Kind]:
    """Two long fine-tunings that differ, and an augmentation."""

    def finetune(seed: int) -> Callable[[Client, str], JobBody]:
        return lambda client, name: client.finetune(**request(epochs, bundle=name, seed=seed))

    def augment(client: Client, name: str) -> JobBody:
        target = {"texts": TARGETS * 20, "lang": "ko"}
        return client.augment_job(bundle=NAME, target=target, format="jsonl", metadata={"name": name})

    return [
        Kind("tune-a", finetune(7), _weights),
        Kind("tune-b", finetune(8), _weights),
        Kind("augment", augment, lambda client, job: str((job.result or {})["artifact_hashes"])),
    ]


def _weights(client: Client, job: JobBody) -> str:
    with TemporaryDirectory() as folder:
        report = client.download(job.id, "report.json", folder)
        return str(json.loads(report.read_bytes())["weights_sha256"])


class Worker(threading.Thread):
    """Submits one job after another, follows each, and checks it.

    Parameters
    ----------
    installation : Installation
        Where.
    kind : Kind
        What.
    expected : str
        Proof of the undisturbed job.
    ledger : Ledger
        Told everything.
    over : threading.Event
        Set when no further job is to be begun.
    number : int
        Of the thread.
    """

    def __init__(
        self, installation: Installation, kind: Kind, expected: str, ledger: Ledger, over: threading.Event, number: int
    ) -> None:
        super().__init__(name=f"{kind.name}-{number}", daemon=True)
        self._installation, self._kind, self._expected = installation, kind, expected
        self._ledger, self._over = ledger, over

    def run(self) -> None:
        """Work until it is over."""
        count = 0
        with Client(f"http://127.0.0.1:{self._installation.port}", patience=PATIENCE) as client:
            while not self._over.is_set():
                count += 1
                name = f"{self.name}-{count}"
                try:
                    self._one(client, name)
                except (ClientError, XiteError, OSError) as error:
                    self._ledger.violations.append(f"{name}: {type(error).__name__}: {error}")

    def _one(self, client: Client, name: str) -> None:
        begun, events = time.monotonic(), list[EventBody]()
        job = self._kind.submit(client, name)
        self._ledger.accepted.append(job.id)
        job = client.wait(job.id, tell=events.append)
        seconds = time.monotonic() - begun
        self._ledger.finished.append(Finished(self._kind.name, job.attempt, round(seconds, 1), len(events)))
        hold = self._ledger.hold
        hold(job.status == "succeeded", f"{name} {job.id}: {job.status} {job.error}")
        hold([e.id for e in events] == [*range(1, len(events) + 1)], f"{name}: events {[e.id for e in events]}")
        ends = [e for e in events if e.type == "status" and e.data["status"] in ("cancelled", "failed", "succeeded")]
        hold(len(ends) == 1, f"{name}: {len(ends)} terminal events")
        if job.status == "succeeded":
            hold(self._kind.proof(client, job) == self._expected, f"{name}: another result than the undisturbed job")
            if job.kind == "finetune":
                self._published(name, job)

    def _published(self, name: str, job: JobBody) -> None:
        """Exactly one revision, and whole; one that was fenced may be there for a moment."""
        store, result = BundleStore(self._installation.home), job.result or {}
        until = time.monotonic() + 30
        while (there := store.revisions(name)) != [result["revision"]] and time.monotonic() < until:
            time.sleep(0.2)
        self._ledger.hold(there == [result["revision"]], f"{name}: revisions {there}, not {result['revision']}")
        open_bundle(store.directory(name, result["revision"]), full_check=True)


def all_settled(installation: Installation, ledger: Ledger) -> dict[str, Any]:
    """What has to hold of the whole when everything has ended; gives some counts."""
    with Client(f"http://127.0.0.1:{installation.port}", patience=PATIENCE) as client:
        jobs, after = [], None
        while True:
            page = client.jobs(after=after, limit=100)
            jobs += page.data
            if not page.has_more:
                break
            after = page.data[-1].id
    listed = {job.id for job in jobs}
    ledger.hold(set(ledger.accepted) <= listed, f"lost: {sorted(set(ledger.accepted) - listed)}")
    ledger.hold(listed <= set(ledger.accepted), f"more jobs than accepted: {sorted(listed - set(ledger.accepted))}")
    ledger.hold(all(job.is_terminal for job in jobs), "a job has not ended")
    home = installation.home
    visible = [path for path in home.rglob("*.tmp") if not any(part.startswith(".") for part in path.parts)]
    ledger.hold(not visible, f"temporary files: {[str(path.relative_to(home)) for path in visible[:5]]}")
    store = BundleStore(home)
    for name in store.names():
        for revision in store.revisions(name):
            open_bundle(store.directory(name, revision), full_check=True)
    hidden = list((home / "bundles").rglob(".*.tmp"))
    return {"jobs": len(jobs), "bundles": len(store.names()), "hidden leftovers": len(hidden)}
