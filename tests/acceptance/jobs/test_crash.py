"""Processes are hurt while a job is at work; the job still ends as if nobody had touched it."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.acceptance.jobs.conftest import LONG, Undisturbed
from tests.support.jobs import API, HORSE, LEASE, REDIS, WORKER, Installation, request
from xite_core.bundle.store import BundleStore


def ends_well(undisturbed: Undisturbed, job_id: str, name: str) -> None:
    """The final state, the same weights, exactly one published revision, nothing half-written."""
    installation = undisturbed.installation
    job = installation.wait_for(job_id, "succeeded")
    assert installation.weights(job) == undisturbed.weights
    store = BundleStore(installation.home)
    assert store.revisions(name) == [job["result"]["revision"]]
    folder = installation.home / "bundles" / name
    installation.until(lambda: not [path for path in folder.iterdir() if path.name.endswith(".tmp")], "clean folder")


def at_work(installation: Installation, name: str) -> str:
    job_id = installation.submit(request(LONG, bundle=name))
    installation.wait_for_step(job_id, 20)
    return job_id


@pytest.mark.parametrize("victim", [HORSE, WORKER, API, REDIS], ids=["work-horse", "worker", "api", "redis"])
def test_a_killed_process_changes_nothing(undisturbed: Undisturbed, victim: str) -> None:
    name = f"kill-{victim.rsplit('.')[-1]}"
    job_id = at_work(undisturbed.installation, name)
    assert undisturbed.installation.hurt(victim)
    ends_well(undisturbed, job_id, name)


def test_a_stopped_family_is_replaced_and_its_late_writes_do_not_count(undisturbed: Undisturbed) -> None:
    """Worker and work-horse sleep for longer than the lease; a second worker takes over; the sleepers wake up."""
    installation = undisturbed.installation
    job_id = at_work(installation, "sleepers")
    sleepers = installation.pids(WORKER)[:1] + installation.pids(HORSE)[:1]
    for pid in sleepers:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(LEASE * 1.5)
    for pid in sleepers:
        os.kill(pid, signal.SIGCONT)
    ends_well(undisturbed, job_id, "sleepers")
    assert installation.job(job_id)["attempt"] >= 1


def test_a_stopped_work_horse_is_fenced(undisturbed: Undisturbed) -> None:
    installation = undisturbed.installation
    job_id = at_work(installation, "fenced")
    horse = installation.pids(HORSE)[0]
    os.kill(horse, signal.SIGSTOP)
    installation.until(lambda: installation.job(job_id)["status"] == "queued", "queued again")
    os.kill(horse, signal.SIGCONT)
    ends_well(undisturbed, job_id, "fenced")
    assert installation.job(job_id)["attempt"] == 2


def test_sigterm_hands_the_job_back(undisturbed: Undisturbed) -> None:
    installation = undisturbed.installation
    job_id = at_work(installation, "restart")
    begun = time.monotonic()
    installation.stop()
    assert time.monotonic() - begun < 20
    installation.start()
    ends_well(undisturbed, job_id, "restart")


def test_everything_killed_at_once(undisturbed: Undisturbed) -> None:
    installation = undisturbed.installation
    job_id = at_work(installation, "power-cut")
    assert installation.process is not None
    installation.process.kill()
    installation.process.wait()
    installation.start()
    ends_well(undisturbed, job_id, "power-cut")
