"""The flows of jobs: submit once, follow through broken connections, download whole files only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote
from uuid import uuid4

import httpx
from httpx_sse import ServerSentEvent

from app.client.errors import DamagedError
from app.client.flows import Emit, Flow, Flows, Open, Opened, Pause, Stream, Take, advance, error_of, pause_after
from app.jobs.schemas import EventBody, EventList, JobBody

Tell = Callable[[EventBody], None]
"""Called with each event of a job."""

SILENCE = httpx.Timeout(35.0, connect=5.0)
"""The service lets a stream be silent for ten seconds; one silent for longer than three such spells is broken."""


def submit(flows: Flows, kind: str, key: str | None, body: Mapping[str, Any]) -> Flow[JobBody]:
    """Submit a job; sent again under the same key where the answer got lost, so that it is one job."""
    headers = {"Idempotency-Key": key or uuid4().hex}
    return flows.call(JobBody, "POST", f"/jobs/{kind}", body, repeatable=True, headers=headers)


def follow(flows: Flows, job_id: str, after: int) -> Stream[EventBody]:
    """Events behind ``after``, each once, until the job has ended.

    A stream ends where the job has ended, where it was resumed at that moment, and where the service stops; so what the
    job itself says decides whether to go on.
    """
    waited, attempt = 0.0, 0
    while True:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        request = flows.build("GET", f"/jobs/{job_id}/events", headers=headers, timeout=SILENCE)
        outcome = yield Open(request, "events")
        if isinstance(outcome, Opened):
            opened = outcome
            while isinstance(outcome := (yield Take(opened)), ServerSentEvent):
                if not outcome.data:  # a heartbeat
                    continue
                event = EventBody.model_validate_json(outcome.data)
                if event.id > after:
                    after, waited, attempt = event.id, 0.0, 0
                    yield Emit(event)
            if outcome is None and (yield from _is_over(flows, job_id, after)):
                return
        pause = pause_after(outcome, attempt, repeatable=True) if outcome else min(0.1 * 2**attempt, 5.0)
        if pause is None or waited + pause > flows.patience:
            raise error_of(outcome)
        yield Pause(pause)
        waited, attempt = waited + pause, attempt + 1


def wait(flows: Flows, job_id: str, tell: Tell | None) -> Flow[JobBody]:
    """Follow a job to its end and give it."""
    stream = follow(flows, job_id, 0)
    step = advance(stream, None)
    while step is not None:
        if isinstance(step, Emit):
            if tell is not None:
                tell(step.item)
            step = advance(stream, None)
        else:
            step = advance(stream, (yield step))
    return (yield from flows.call(JobBody, "GET", f"/jobs/{job_id}", repeatable=True))


def download(flows: Flows, job_id: str, name: str, path: Path) -> Flow[Path]:
    """Write an artifact to a file, or into a directory; the file appears whole and with the right SHA-256, or not."""
    target = path / Path(name).name if path.is_dir() else path
    waited, attempt = 0.0, 0
    while True:
        outcome = yield Open(flows.build("GET", f"/jobs/{job_id}/artifacts/{quote(name, safe='')}"), "bytes")
        if isinstance(outcome, Opened):
            outcome = yield from _receive(outcome, target)
            if outcome is None:
                return target
        pause = pause_after(outcome, attempt, repeatable=True)
        if pause is None or waited + pause > flows.patience:
            raise error_of(outcome)
        yield Pause(pause)
        waited, attempt = waited + pause, attempt + 1


def _is_over(flows: Flows, job_id: str, after: int) -> Flow[bool]:
    job = yield from flows.call(JobBody, "GET", f"/jobs/{job_id}", repeatable=True)
    if not job.is_terminal:
        return False
    params = {"after": after, "limit": 1}
    left = yield from flows.call(EventList, "GET", f"/jobs/{job_id}/events", repeatable=True, params=params)
    return not left.data


def _receive(opened: Opened, target: Path) -> Flow[httpx.TransportError | None]:
    """Write what comes beside the target, and rename it if its hash is the one that the service told."""
    temporary = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            digest = hashlib.sha256()
            outcome = yield from _copy(opened, file, digest.update)
            if isinstance(outcome, httpx.TransportError):
                return outcome
            file.flush()
            os.fsync(file.fileno())
        told = opened.response.headers.get("X-Content-SHA256")
        if digest.hexdigest() != told:
            raise DamagedError(f"{target.name}: SHA-256 {digest.hexdigest()}, but the service told {told}")
        temporary.replace(target)
        return None
    finally:
        temporary.unlink(missing_ok=True)


def _copy(opened: Opened, file: BinaryIO, note: Callable[[bytes], None]) -> Flow[httpx.TransportError | None]:
    while isinstance(outcome := (yield Take(opened)), bytes):
        file.write(outcome)
        note(outcome)
    return outcome if isinstance(outcome, httpx.TransportError) else None
