"""What an attempt has published goes again where it does not count, unless it is in use."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.jobs.attempt import Attempt, discard_revision
from app.jobs.records import Job, JobKind, JobStatus, new_job_id
from app.jobs.store import JobStore
from tests.support.service import NAME, pool, source
from xite_core.bundle.build import Builder
from xite_core.bundle.store import BundleStore
from xite_core.encoder.hashing import HashingEncoder
from xite_core.errors import BundleNotFoundError, StorageError


def publish(home: Path, revision: str) -> None:
    Builder(BundleStore(home), HashingEncoder()).build(NAME, [source()], pool(), revision=revision)


@pytest.fixture
def attempt(store: JobStore, tmp_path: Path) -> Attempt:
    made = store.create(Job(new_job_id(), JobKind.BUILD, JobStatus.QUEUED, time.time()), {})
    claimed = store.claim(made.id, made.delivery, "host:1")
    assert claimed is not None
    return Attempt(store, claimed, tmp_path, 60)


def test_a_failed_attempt_leaves_no_revision(attempt: Attempt, store: JobStore, tmp_path: Path) -> None:
    publish(tmp_path, attempt.revision)
    attempt.fail("timeout", "too slow")
    assert store.get(attempt.job.id).status is JobStatus.FAILED
    assert BundleStore(tmp_path).names() == []


def test_what_is_active_stays(tmp_path: Path) -> None:
    for revision in ("lost", "other"):
        publish(tmp_path, revision)
    store = BundleStore(tmp_path)
    store.activate(NAME, "lost")
    discard_revision(store, "lost")
    assert store.resolve(NAME).name == "lost"
    store.activate(NAME, "other")
    discard_revision(store, "lost")
    assert store.revisions(NAME) == ["other"]


def test_of_two_deletions_the_later_finds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, "one")
    store, directory = BundleStore(tmp_path), BundleStore(tmp_path).resolve(NAME)
    store.delete(NAME, "one")
    answers = iter([directory])  # the look before the lock still found it
    found = store.resolve
    monkeypatch.setattr(store, "resolve", lambda *given: next(answers, None) or found(*given))
    with pytest.raises(BundleNotFoundError):
        store.delete(NAME, "one")


def test_revisions_of_earlier_attempts_go_too(attempt: Attempt, store: JobStore, tmp_path: Path) -> None:
    publish(tmp_path, attempt.revision)
    again = store.give_up(attempt.job, 5)
    claimed = store.claim(again.id, again.delivery, "host:2")
    assert claimed is not None
    assert claimed.attempt == 2
    Attempt(store, claimed, tmp_path, 60).fail("timeout", "too slow")
    assert BundleStore(tmp_path).names() == []


def test_what_the_disk_does_not_give_back_does_not_end_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, "one")
    store = BundleStore(tmp_path)
    for error in (StorageError(tmp_path, "read-only"), OSError(24, "too many open files")):
        monkeypatch.setattr(store, "delete", lambda *_, error=error: (_ for _ in ()).throw(error))
        discard_revision(store, "one")
    assert store.revisions(NAME) == ["one"]
