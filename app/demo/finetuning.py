"""The second part of the demonstration: a fine-tuning job, followed, activated, used."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.client import Client
from app.demo.augmentation import reviews
from app.jobs.schemas import EventBody, JobBody
from xite_core.demo import TARGET_LANGUAGES
from xite_core.errors import XiteError
from xite_core.types import Example


def show_finetuning(client: Client, bundle: str, console: Console) -> None:
    """Fine-tune on half of the reviews, unlabeled; show accuracy on the other half; activate; predict.

    Raises
    ------
    XiteError
        If the job does not succeed.
    """
    unlabeled, test = halves()
    job = client.finetune(
        source={"bundle": bundle},
        target={"texts": [{"text": row.text, "lang": row.lang} for row in unlabeled]},
        target_test={"rows": [{"text": row.text, "label": row.label, "lang": row.lang} for row in test]},
        depth="head",
    )
    console.print(
        f"POST /jobs/finetune: {job.id}, on {len(unlabeled)} unlabeled reviews in four languages", markup=False
    )
    job = _followed(client, job, console)
    if job.status != "succeeded" or job.result is None:
        raise XiteError(f"job {job.id} {job.status}: {job.error.message if job.error else 'no reason told'}")
    console.print(_table(job.metrics or {}))
    console.print(f"gate on English accuracy: {job.result['gate']}", highlight=False)
    client.activate(job.result["bundle"], job.result["revision"])
    console.print(f"activated {job.result['bundle']} {job.result['revision']}; POST /predict with it:", highlight=False)
    console.print(_predictions(client, test, job.result["bundle"]))


def halves() -> tuple[list[Example], list[Example]]:
    """Reviews of all languages: every other one as unlabeled text, the rest for evaluation."""
    rows = [[Example(row.text, label=row.label, lang=lang) for row in reviews(lang)] for lang in TARGET_LANGUAGES]
    return [row for part in rows for row in part[::2]], [row for part in rows for row in part[1::2]]


def _followed(client: Client, job: JobBody, console: Console) -> JobBody:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("queued", total=None)

        def tell(event: EventBody) -> None:
            if event.type == "status":
                progress.update(task, description=event.data["status"])
            elif event.type == "progress":
                data: dict[str, Any] = event.data
                progress.update(task, description=data["stage"], completed=data["step"], total=data["of"])

        return client.wait(job.id, tell=tell)


def _table(metrics: dict[str, Any]) -> Table:
    table = Table("rows", "n", "accuracy before", "after", "macro-F1 before", "after", title="fine-tuned", box=None)
    for name, before in metrics["before"].items():
        after = metrics["after"][name]
        cells = [f"{scores[metric]:.3f}" for metric in ("accuracy", "macro_f1") for scores in (before, after)]
        table.add_row(name, str(before["n"]), *cells)
    return table


def _predictions(client: Client, test: list[Example], bundle: str) -> Table:
    shown = [next(row for row in test if row.lang == lang) for lang in TARGET_LANGUAGES]
    answer = client.predict([row.text for row in shown], bundle=bundle)
    table = Table("text", "label", "probability", box=None)
    for row, item in zip(shown, answer.data, strict=True):
        table.add_row(row.text, item.label, f"{item.probabilities[item.label]:.2f}")
    return table
