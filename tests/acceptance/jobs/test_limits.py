"""Limits of a job: memory, disk, time, strikes; two workers; one key from many clients."""

from __future__ import annotations

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.acceptance.jobs.conftest import LONG
from tests.support.jobs import HORSE, Installation, build, installed, request


@pytest.fixture(scope="module")
def pair_of_workers(tmp_path_factory: pytest.TempPathFactory):
    with installed(tmp_path_factory.mktemp("two"), job_workers=2) as installation:
        yield installation


def test_one_key_from_twenty_clients_makes_one_job(pair_of_workers: Installation) -> None:
    body = request(2, bundle="once")
    url = f"http://127.0.0.1:{pair_of_workers.port}/jobs/finetune"

    def send(_: int) -> str:
        answer = httpx.post(url, json=body, headers={"Idempotency-Key": "the-same"}, timeout=60)
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"] == f"/jobs/{answer.json()['id']}"
        return str(answer.json()["id"])

    with ThreadPoolExecutor(20) as threads:
        ids = set(threads.map(send, range(20)))
    assert len(ids) == 1
    assert pair_of_workers.wait_for(ids.pop(), "succeeded")["attempt"] == 1
    other = httpx.post(url, json={**body, "seed": 8}, headers={"Idempotency-Key": "the-same"}, timeout=60)
    assert other.status_code == 422
    assert "Idempotency-Key" in other.json()["detail"]


def test_two_workers_share_the_jobs_and_each_runs_once(pair_of_workers: Installation) -> None:
    ids = [pair_of_workers.submit(request(2, bundle=f"race-{i}")) for i in range(4)]
    jobs = [pair_of_workers.wait_for(job_id, "succeeded") for job_id in ids]
    assert [job["attempt"] for job in jobs] == [1] * 4
    assert len({pair_of_workers.weights(job) for job in jobs}) == 1


def test_cancel_is_quick_and_resume_goes_on(pair_of_workers: Installation) -> None:
    whole = pair_of_workers.wait_for(pair_of_workers.submit(request(LONG, bundle="whole")), "succeeded")
    job_id = pair_of_workers.submit(request(LONG, bundle="halted"))
    pair_of_workers.wait_for_step(job_id, 20)
    begun = time.monotonic()
    with pair_of_workers.client as client:
        assert client.post(f"/jobs/{job_id}/cancel").json()["status"] == "cancelling"
    pair_of_workers.wait_for(job_id, "cancelled")
    assert time.monotonic() - begun < 10  # two seconds on a quiet machine
    with pair_of_workers.client as client:
        assert client.post(f"/jobs/{job_id}/cancel").status_code == 409
        assert client.post(f"/jobs/{job_id}/resume").json()["status"] == "queued"
    job = pair_of_workers.wait_for(job_id, "succeeded")
    assert pair_of_workers.weights(job) == pair_of_workers.weights(whole)


def test_a_queued_job_is_cancelled_at_once(tmp_path: Path) -> None:
    with installed(tmp_path / "home", job_workers=0) as installation:
        job_id = installation.submit(request())
        with installation.client as client:
            assert client.post(f"/jobs/{job_id}/cancel").json()["status"] == "cancelled"


def test_the_memory_limit_ends_the_job_with_a_clear_error(tmp_path: Path) -> None:
    """``RLIMIT_DATA`` of the work-horse; the English rows and their copies do not fit under it."""
    with installed(tmp_path / "home", job_memory_mb=64) as installation:
        job_id = installation.submit(request())
        job = installation.wait_for(job_id, "failed")
        assert job["error"]["code"] == "out_of_memory"
        assert "XITE_JOB_MEMORY_MB" in job["error"]["message"]


def test_the_time_limit(tmp_path: Path) -> None:
    with installed(tmp_path / "home", job_seconds=8) as installation:
        job = installation.wait_for(installation.submit(request(1000, bundle="slow")), "failed")
        assert job["error"]["code"] == "timeout"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_fails_the_job_and_room_lets_it_go_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    build(home)
    jobs = home / "jobs"
    jobs.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(jobs)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        with installed(home) as installation:
            job_id = installation.submit(request(3, bundle="cramped"))
            job = installation.wait_for(job_id, "failed")
            assert job["error"]["code"] == "storage", job
            assert str(home) not in job["error"]["message"]
            subprocess.run(["mount", "-o", "remount,size=64m", str(jobs)], check=True)
            with installation.client as client:
                assert client.post(f"/jobs/{job_id}/resume").status_code == 200
            job = installation.wait_for(job_id, "succeeded")
            undisturbed = installation.wait_for(installation.submit(request(3, bundle="roomy")), "succeeded")
            assert installation.weights(job) == installation.weights(undisturbed)
    finally:
        subprocess.run(["umount", "-l", str(jobs)], check=False)


def test_a_job_whose_attempts_always_die_fails(tmp_path: Path) -> None:
    with installed(tmp_path / "home", job_strikes=2) as installation:
        job_id = installation.submit(request(1000, bundle="doomed"))
        for attempt in (1, 2):
            installation.until(lambda n=attempt: installation.job(job_id)["attempt"] == n, f"attempt {attempt}")
            installation.until(lambda: installation.hurt(HORSE), "work-horse")
        job = installation.wait_for(job_id, "failed", seconds=60)
        assert job["error"]["code"] == "attempts_exhausted"
