"""Shows a job of a service as a local run is shown, and fine-tunes by such a job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import Progress

from app.client import Client
from app.finetuning import Display, FineTuneRequest, read_rows, read_tagged, show_report
from app.jobs.schemas import EventBody, JobBody
from app.progress import progress_bar
from xite_core.errors import OptionError, XiteError
from xite_core.finetune.events import FineTuneEvent, Stage
from xite_core.types import Example

_NOT_OVER_HTTP = ("revision", "work", "pool")
"""Fields of a request that only a local run takes."""

_TOP_LEVEL = ("depth", "seed", "max_english_drop")
_INTERPOLATION = ("lam", "alpha", "n", "normalize")


class JobFailedError(XiteError):
    """A job did not succeed."""


@dataclass(frozen=True, slots=True)
class RemoteResult:
    """What a job made.

    Parameters
    ----------
    bundle, revision : str
        What was published.
    passed : bool
        Whether it passed the gate.
    report : mapping
        As of a local run.
    """

    bundle: str
    revision: str
    passed: bool
    report: Mapping[str, Any]


def follow_job(client: Client, job_id: str, console: Console) -> JobBody:
    """Show a job's stages until it has ended, and give it."""
    with progress_bar(console) as progress:
        return client.wait(job_id, tell=_Shown(progress, console))


def finetune_by_job(client: Client, request: FineTuneRequest, console: Console) -> RemoteResult:
    """Upload the files, submit the job, follow it and show what came out.

    Raises
    ------
    OptionError
        If an option makes sense for local runs alone.
    JobFailedError
        If the job fails or is cancelled.
    ClientError
        If the service refuses something.
    """
    job = client.finetune(**_body(client, request))
    console.print(f"job {job.id}", highlight=False)
    job = follow_job(client, job.id, console)
    if job.status != "succeeded" or job.result is None:
        why = job.error.message if job.error else "resume it with `xite jobs resume`"
        raise JobFailedError(f"job {job.id} {job.status}: {why}")
    with TemporaryDirectory() as folder:
        report = json.loads(client.download(job.id, "report.json", folder).read_bytes())
    result = RemoteResult(job.result["bundle"], job.result["revision"], job.result["gate"] == "passed", report)
    show_report(report, result.passed, f"xite jobs download {job.id}", console)
    return result


def _body(client: Client, request: FineTuneRequest) -> dict[str, Any]:
    options = dict(request.options)
    for name in _NOT_OVER_HTTP:
        if getattr(request, name):
            raise OptionError(name, str(getattr(request, name)), "no value beside --server")
    if "device" in options:
        raise OptionError("device", options["device"], "no value beside --server: the worker decides")
    augment = {name: value for name, value in request.augment.items() if value is not None}
    interpolation = {name: augment.pop(name) for name in _INTERPOLATION if name in augment}
    body: dict[str, Any] = {
        "source": {"bundle": request.bundle or _only_bundle(client)},
        "target": _uploaded(client, "target", read_tagged(request.targets, False, request.columns)),
        "augment": {**augment, **({"interpolation": interpolation} if interpolation else {})},
        "auto_activate": request.activate,
        "bundle": request.name,
        **{name: options.pop(name) for name in _TOP_LEVEL if name in options},
        "hyperparameters": options,
    }
    if request.target_test:
        body["target_test"] = _uploaded(client, "test", read_tagged(request.target_test, True, request.columns))
    if request.source:
        body["annotated"] = _uploaded(client, "source", read_rows(request.source, True, request.columns))
    return body


def _only_bundle(client: Client) -> str:
    default = client.info().bundle
    if default is None:
        raise OptionError("bundle", None, "the name of a bundle of the service")
    return default.name


def _uploaded(client: Client, name: str, rows: list[Example]) -> dict[str, str]:
    """The rows of all files as one dataset of the service."""
    fields = ("text", "text_pair", "label", "id", "lang")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.jsonl"
        with path.open("w", encoding="utf8") as file:
            for row in rows:
                given = {field: getattr(row, field) for field in fields if getattr(row, field) is not None}
                file.write(json.dumps(given, ensure_ascii=False) + "\n")
        return {"dataset": client.upload_dataset(path).id}


class _Shown:
    """Turns a job's events into those of a local run."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._display, self._console = Display(progress, console), console

    def __call__(self, event: EventBody) -> None:
        data = event.data
        if event.type == "progress" and data.get("stage") in list(Stage):
            self._display(FineTuneEvent(Stage(data["stage"]), data["step"], data["of"] or data["step"]))
        elif event.type == "metrics":
            self._display.tell_epoch(data["epoch"], data)
        elif event.type == "status":
            why = f" ({data['why']})" if data.get("why") else ""
            self._console.print(f"{data['status']}{why}", highlight=False)
