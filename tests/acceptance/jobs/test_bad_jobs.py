"""Requests for jobs that cannot work: each is told at once, or ends the job with a clear message."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.jobs import Installation, request
from tests.support.service import NAME, build, source

ROWS = [{"text": row.text, "label": row.label} for row in source(20)]
POOL = {"lang": "ko", "texts": ["하나", "둘"]}
TWICE = [{**row, "id": "r1"} for row in ROWS[:4]]
ONE_CLASS = [row for row in ROWS if row["label"] == "positive"]
PAIR = {"text": "a", "text_pair": "b"}
UNKNOWN_DATASET = {"dataset": "ds_" + "0" * 23}


@pytest.fixture(scope="module", autouse=True)
def without_validation(installation: Installation) -> None:
    build(installation.home, "bare", source())


def refused(answer: Any, status: int, field: str | None, words: str) -> None:
    problem = answer.json()
    assert answer.status_code == status, problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert words in str(problem)
    if field is not None:
        assert field in [error["field"] for error in problem["errors"]], problem
    assert "Traceback" not in answer.text


FINETUNE: list[tuple[Mapping[str, Any], int, str | None, str]] = [
    ({"target_test": {"rows": [{"text": "a", "label": "lukewarm"}]}}, 422, "target_test", "lukewarm"),
    ({"annotated": {"rows": [{"text": "a", "label": "lukewarm"}]}}, 422, "annotated", "lukewarm"),
    ({"source": {"rows": ONE_CLASS}}, 422, "source", "at least 2 labels"),
    ({"source": {"rows": TWICE}, "bundle": "x"}, 422, "source.rows[1].id", "'r1'"),
    ({"annotated": {"rows": TWICE}}, 422, "annotated.rows[1].id", "'r1'"),
    ({"source": {"rows": ROWS}, "bundle": None}, 422, "bundle", "name"),
    ({"source": {"rows": ROWS}, "bundle": NAME}, 422, "bundle", "encoder"),
    ({"source": {}}, 422, "source", "exactly one"),
    ({"source": {"bundle": NAME, "rows": ROWS}}, 422, "source", "exactly one"),
    ({"source": {"bundle": "nowhere"}}, 404, None, "nowhere"),
    ({"source": {"bundle": "../other"}}, 422, "source.bundle", "pattern"),
    ({"source": {"bundle": "bare"}}, 422, "source.bundle", "held-out"),
    ({"source": UNKNOWN_DATASET}, 404, None, "ds_0"),
    ({"target": {"texts": []}}, 422, "target.texts", "at least 1"),
    ({"target": {"texts": [""]}}, 422, "target.texts[0]", ""),
    ({"annotated": {"rows": [{**ROWS[0], "label": "positive\0"}]}}, 422, "annotated.rows[0].label", "NUL"),
    ({"target": {"texts": ["a\0b"]}}, 422, "target.texts[0]", "NUL"),
    ({"target": {"texts": [{"text": "a", "id": "\0"}]}}, 422, "target.texts[0].id", "NUL"),
    ({"target": UNKNOWN_DATASET}, 404, None, "ds_0"),
    ({"target": {"texts": ["a", PAIR]}}, 422, "target.texts[1]", "leave text_pair out"),
    ({"target_test": {"rows": [{**PAIR, "label": "positive"}]}}, 422, "target_test", "leave text_pair out"),
    ({"hyperparameters": {"epochs": 0}}, 422, "hyperparameters.epochs", "1"),
    ({"hyperparameters": {"batch_size": 5000}}, 422, "hyperparameters.batch_size", "4096"),
    ({"hyperparameters": {"lr": -1}}, 422, "hyperparameters.lr", ""),
    ({"hyperparameters": {"lora_rank": 0}}, 422, "hyperparameters.lora_rank", "1"),
    ({"hyperparameters": {"lora_rank": 8}, "depth": "head"}, 422, "lora_rank", "head"),
    ({"hyperparameters": {"replay": 1.5}}, 422, "hyperparameters.replay", "1"),
    ({"hyperparameters": {"speed": 3}}, 422, "hyperparameters.speed", ""),
    ({"augment": {"k": 250}}, 422, "k", "the number of labeled examples"),
    ({"augment": {"interpolation": {"lam": 0.5, "alpha": 0.5}}}, 422, None, "alpha"),
    ({"max_english_drop": 2}, 422, "max_english_drop", "1"),
    ({"depth": "top:0"}, 422, "depth", ""),
    ({"depth": "deep"}, 422, "depth", ""),
    ({"seed": -1}, 422, "seed", "0"),
    ({"surprise": 1}, 422, "surprise", ""),
]


@pytest.mark.parametrize(("changes", "status", "field", "words"), FINETUNE)
def test_a_bad_finetuning_is_refused(
    installation: Installation, changes: Mapping[str, Any], status: int, field: str | None, words: str
) -> None:
    with installation.client as client:
        refused(client.post("/jobs/finetune", json=request(**changes)), status, field, words)


JSON = {"Content-Type": "application/json"}

OTHERS: list[tuple[str, str, Mapping[str, Any], int, str | None, str]] = [
    ("POST", "/jobs/finetune", {"content": b'{"seed": NaN}', "headers": JSON}, 422, None, ""),
    ("POST", "/jobs/finetune", {"json": request(), "headers": {"Idempotency-Key": "a b"}}, 422, None, "Idempotency"),
    ("POST", "/jobs/augment", {"json": {"bundle": "nowhere", "target": {"texts": ["a"]}}}, 404, None, "nowhere"),
    ("POST", "/jobs/augment", {"json": {"target": {"texts": ["a"]}, "format": "xls"}}, 422, "format", "parquet"),
    ("POST", "/jobs/build", {"json": {"bundle": "x", "source": {"rows": ROWS}, "encoder": "/etc"}}, 422, "encoder", ""),
    ("POST", "/jobs/build", {"json": {"bundle": "x", "source": {"rows": ONE_CLASS}}}, 422, "source", "2 labels"),
    (
        "POST", "/jobs/build", {"json": {"bundle": "x", "source": {"rows": [*ROWS, {"text": "a", "label": "rare"}]}}},
        422, "source", "'rare' has one",
    ),
    (
        "POST", "/jobs/build", {"json": {"bundle": "x", "source": {"rows": ROWS}, "pool": [POOL, POOL]}}, 422,
        "pool[1].lang", "once",
    ),
    (
        "POST", "/jobs/build",
        {"json": {"bundle": "x", "source": {"rows": ROWS}, "pool": [POOL, {**POOL, "lang": "pt-BR"},
                                                                    {**POOL, "lang": "pt_br"}]}},
        422, "pool[2].lang", "once",
    ),
    (
        "POST", "/jobs/build", {"json": {"bundle": "x", "source": {"rows": ROWS}, "pool": [{**POOL, "lang": "en-US"}]}},
        422, "pool[0].lang", "'en'",
    ),
    (
        "POST", "/jobs/build",
        {"json": {"bundle": "x", "source": {"rows": ROWS}, "pool": [{**POOL, "texts": ["a", PAIR]}]}},
        422, "pool[0].texts[1]", "leave text_pair out",
    ),
    ("POST", "/jobs/augment", {"json": {"target": {"texts": ["a"]}, "augment": {"k": 250}}}, 422, "k", "labeled"),
    (
        "POST", "/jobs/build", {"json": {"bundle": "x", "source": {"rows": ROWS}, "pool": [{**POOL, "texts": ["a"]}]}},
        422, "pool[0].texts", "at least 2",
    ),
    ("POST", "/jobs/build", {"json": {"bundle": NAME, "source": {"rows": ROWS}}}, 422, "bundle", "encoder"),
    ("GET", "/jobs?after=job_none", {}, 422, "after", "no such job"),
    ("GET", "/jobs?limit=101", {}, 422, "limit", "100"),
    ("GET", "/jobs/job_none", {}, 404, None, "job_none"),
    ("GET", "/jobs/job_none/events", {}, 404, None, "job_none"),
    ("GET", "/jobs/job_none/events", {"headers": {"Accept": "text/event-stream"}}, 404, None, "job_none"),
    ("GET", "/jobs/job_none/artifacts/report.json", {}, 404, None, "job_none"),
    ("POST", "/jobs/job_none/cancel", {}, 404, None, "job_none"),
    ("POST", "/jobs/job_none/resume", {}, 404, None, "job_none"),
    ("GET", "/jobs/job_none/events?after=-1", {}, 422, "after", ""),
    ("GET", "/jobs/job_none/events?limit=0", {}, 422, "limit", ""),
    (
        "GET", "/jobs/job_none/events", {"headers": {"Accept": "text/event-stream", "Last-Event-ID": "x"}}, 422, None,
        "Last-Event-ID",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "parts", "status", "field", "words"), OTHERS)
def test_a_bad_call_is_refused(
    installation: Installation,
    method: str,
    path: str,
    parts: Mapping[str, Any],
    status: int,
    field: str | None,
    words: str,
) -> None:
    with installation.client as client:
        refused(client.request(method, path, **parts), status, field, words)


def test_a_dataset_with_an_id_of_several_rows_is_no_source(installation: Installation) -> None:
    rows = "\n".join(json.dumps(row) for row in [*ROWS, *TWICE])
    with installation.client as client:
        uploaded = client.post("/datasets", content=rows, headers={"Content-Type": "application/jsonl"}).json()
        assert uploaded["repeated_id"] == "r1"
        body = {"bundle": "x", "source": {"dataset": uploaded["id"]}}
        refused(client.post("/jobs/build", json=body), 422, "source.dataset", "'r1'")
        changed = request(annotated={"dataset": uploaded["id"]})
        refused(client.post("/jobs/finetune", json=changed), 422, "annotated.dataset", "'r1'")


def test_jobs_that_fail_when_they_run(installation: Installation, tmp_path: Path) -> None:
    """While one job keeps the worker busy, the others wait; the disk loses a dataset, which no call takes away."""
    busy = installation.submit(request(1000, bundle="busy"))
    installation.wait_for(busy, "running")
    (tmp_path / "texts.csv").write_text("text\na\nb\n", "utf8")
    with installation.client as client, (tmp_path / "texts.csv").open("rb") as file:
        dataset = client.post("/datasets", files={"file": ("texts.csv", file)}).json()["id"]
        gone = installation.submit(request(bundle="gone", target={"dataset": dataset}))
        refused(client.delete(f"/datasets/{dataset}"), 409, None, gone)
        shutil.rmtree(installation.home / "datasets" / dataset)
        unmatched = installation.submit(request(bundle="unmatched", augment={"min_cosine": 1.0}))
        layers = installation.submit(request(bundle="layers", depth="top:1"))
        refused(client.post(f"/jobs/{busy}/resume"), 409, None, "running")
        refused(client.get(f"/jobs/{busy}/artifacts/report.json"), 409, None, "success")
        assert client.post(f"/jobs/{busy}/cancel").status_code == 200
        installation.wait_for(busy, "cancelled")
        refused(client.post(f"/jobs/{busy}/cancel"), 409, None, "cancelled")
    for job_id, words in ((gone, dataset), (unmatched, "match"), (layers, "layers")):
        error = installation.wait_for(job_id, "failed")["error"]
        assert words in error["message"], error
        assert error["code"] not in ("internal", ""), error
        assert str(installation.home) not in error["message"]
