"""What outlives its time is deleted, unless it is active, was, was built by hand, or a job needs it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from redis import Redis

from app.datasets.intake import Upload
from app.datasets.store import DatasetStore
from app.jobs.queue import JobQueue
from app.jobs.records import Job, JobKind, JobStatus, new_job_id
from app.jobs.recovery import Recovery
from app.jobs.store import JobStore
from app.settings.service import Settings
from tests.support.service import NAME, build, pool, source
from xite_core.bundle.build import Builder
from xite_core.bundle.store import BundleStore
from xite_core.encoder.hashing import HashingEncoder

DAY = 86400.0


def aged(home: Path, connection: Redis, **settings: float) -> None:
    """Let a worker look for what is too old."""
    store = JobStore(connection, JobQueue(connection, 60))
    Recovery(store, JobQueue(connection, 60), Settings(home=home, **settings)).age()


def dataset(home: Path, days: float) -> str:
    """A dataset that was made so many days ago."""
    file = home / "rows.jsonl"
    file.write_text('{"text": "a text"}\n', "utf8")
    store = DatasetStore(home)
    made = store.add(file, Upload("x")).id
    record = store.root / made / "dataset.json"
    then = str(int(time.time() - days * DAY))
    record.write_text(record.read_text("utf8").replace(str(store.get(made).created_at), then), "utf8")
    return made


def revision(home: Path, name: str, days: float, **origin: str) -> str:
    """A revision that a job (or what the origin says) published so many days ago."""
    store = BundleStore(home)
    Builder(store, HashingEncoder()).build(NAME, [source()], pool(), origin=origin or {"job": "job_1"}, revision=name)
    then = time.time() - days * DAY
    os.utime(store.directory(NAME, name) / "manifest.json", (then, then))
    return name


def waiting_for(store: JobStore, **spec: object) -> Job:
    return store.create(Job(new_job_id(), JobKind.AUGMENT, JobStatus.QUEUED, time.time()), spec)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    build(tmp_path, NAME, source(), "first")
    BundleStore(tmp_path).activate(NAME, "first")
    return tmp_path


def test_by_default_all_is_kept(home: Path, connection: Redis) -> None:
    kept, made = dataset(home, 1000), revision(home, "old", 1000)
    aged(home, connection)
    assert DatasetStore(home).get(kept).id == kept
    assert made in BundleStore(home).revisions(NAME)


def test_old_datasets_that_no_job_needs_are_deleted(home: Path, connection: Redis, store: JobStore) -> None:
    young, old, needed = dataset(home, 1), dataset(home, 9), dataset(home, 9)
    job = waiting_for(store, request={"target": {"dataset": needed}})
    aged(home, connection, dataset_retention_days=7)
    left = {record.id for record in DatasetStore(home).list().records}
    assert left == {young, needed}
    assert old not in left
    store.cancel(job.id)
    aged(home, connection, dataset_retention_days=7)
    assert [record.id for record in DatasetStore(home).list().records] == [young]


def test_old_revisions_of_jobs_that_nobody_needs_are_deleted(home: Path, connection: Redis, store: JobStore) -> None:
    bundles = BundleStore(home)
    was = revision(home, "was-active", 9)
    bundles.activate(NAME, was)
    active = revision(home, "is-active", 9)
    bundles.activate(NAME, active)
    revision(home, "old", 9)
    kept = [revision(home, "young", 1), revision(home, "by-hand", 9, kind="finetune"), revision(home, "needed", 9)]
    waiting_for(store, request={"source": {"bundle": NAME}}, revision="needed")
    aged(home, connection, revision_retention_days=7)
    assert set(bundles.revisions(NAME)) == {"first", was, active, *kept}


def test_what_is_damaged_does_not_shield_the_others(home: Path, connection: Redis) -> None:
    build(home, "aa", source(), "r1")
    (home / "bundles" / "aa" / "active.json").write_text("{")
    revision(home, "old", 9)
    lost, old = dataset(home, 9), dataset(home, 9)
    (DatasetStore(home).root / lost / "dataset.json").write_text("{")
    aged(home, connection, revision_retention_days=7, dataset_retention_days=7)
    assert BundleStore(home).revisions(NAME) == ["first"]
    assert not (DatasetStore(home).root / old).exists()
    assert [record.id for record in DatasetStore(home).list().records] == []


def test_what_was_left_half_published_long_ago_is_removed(home: Path, connection: Redis) -> None:
    folder = home / "bundles" / NAME
    for name, days in ((".r7.abc.tmp", 2), (".deleted-r3-abc", 2), (".r8.abc.tmp", 0)):
        (folder / name / "anchors").mkdir(parents=True)
        (folder / name / "anchors" / "vectors").write_bytes(b"x")
        then = time.time() - days * DAY
        for path in (folder / name / "anchors" / "vectors", folder / name / "anchors", folder / name):
            os.utime(path, (then, then))
    aged(home, connection)
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == [
        ".r8.abc.tmp",
        ".verified",
        "first",
    ]
