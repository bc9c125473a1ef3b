from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.bundles.endpoints import OLD
from app.datasets import examples
from app.datasets.intake import Upload
from app.datasets.store import DatasetStore
from app.jobs import examples as job_examples
from app.jobs.attempt import attempt_directory
from app.jobs.connection import connect
from app.jobs.outcome import ARTIFACTS, described
from app.jobs.queue import JobQueue
from app.jobs.records import Job, JobKind, JobStatus
from app.jobs.store import JobStore
from app.processes.redis_server import socket_url
from tests.support.finetuning import add_head
from tests.support.service import NAME, Service, build, pairs, running, source
from xite_core.bundle.bundle import open_bundle


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The demo bundle in three revisions with heads, the examples of the documentation among them, and one of pairs."""
    home: Path = tmp_path_factory.mktemp("home")
    for marker, revision in zip(
        "abc", (OLD, "20260425T101500000000-000002", "20260425T101500000000-000003"), strict=True
    ):
        plain = build(home, NAME, source(marker=marker), validation=0.1)
        add_head(open_bundle(home / "bundles" / NAME / plain), home, revision)
        shutil.rmtree(home / "bundles" / NAME / plain)
    build(home, "pairs", pairs())
    keep_example_dataset(home)
    with running(home, default_bundle=NAME, max_inputs=300, max_text_chars=5000) as service:
        keep_example_jobs(home)
        yield service


def keep_example_dataset(home: Path) -> None:
    """The dataset that the documentation's examples name."""
    file = home / "reviews.jsonl"
    file.write_text(examples.JSONL, "utf8")
    DatasetStore(home).add(file, Upload("reviews", "en"), dataset_id=examples.DATASET_ID)


def keep_example_jobs(home: Path) -> None:
    """The jobs that the documentation's examples name, in the states that the calls need."""
    connection = connect(socket_url(home))
    store = JobStore(connection, JobQueue(connection, 60))
    for job_id in (job_examples.DONE, job_examples.WAITING, job_examples.HALTED):
        store.create(Job(job_id, JobKind.FINETUNE, JobStatus.QUEUED, time.time()), {})
    store.cancel(job_examples.HALTED)
    done = store.claim(job_examples.DONE, 1, "a test")
    assert done is not None
    folder = attempt_directory(home, done.id, done.attempt) / ARTIFACTS
    folder.mkdir(parents=True)
    report = folder / job_examples.ARTIFACT
    report.write_text("{}", "utf8")
    store.finish(done, JobStatus.SUCCEEDED, result={"bundle": NAME, "revision": OLD, **described([report])})
    connection.close()


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60) as client:
        yield client
