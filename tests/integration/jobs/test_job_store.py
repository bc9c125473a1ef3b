"""The job store on a real Redis: who may do what, and when."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis import Redis

from app.errors import FieldError, IdempotencyError, JobNotFoundError, JobStateError
from app.jobs import store as store_module
from app.jobs.attempt import jobs_directory
from app.jobs.queue import JobQueue
from app.jobs.records import Event, Job, JobKind, JobStatus, Progress, new_job_id
from app.jobs.recovery import Recovery
from app.jobs.store import FencedError, JobStore
from app.settings.service import Settings
from tests.support.redis import connected, store_on

END = (JobStatus.CANCELLED, JobStatus.FAILED, JobStatus.SUCCEEDED)


def new(created: float = 1e9) -> Job:
    return Job(new_job_id(), JobKind.AUGMENT, JobStatus.QUEUED, created)


def at_work(store: JobStore) -> Job:
    job = store.create(new(), {})
    claimed = store.claim(job.id, 1, "worker")
    assert claimed is not None
    return claimed


def test_of_many_claims_one_wins(store: JobStore, redis_url: str) -> None:
    job = store.create(new(), {"a": 1})

    def claim(number: int) -> Job | None:
        with connected(redis_url) as own:
            return store_on(own).claim(job.id, 1, f"worker-{number}")

    with ThreadPoolExecutor(16) as threads:
        won = [claimed for claimed in threads.map(claim, range(16)) if claimed]
    assert len(won) == 1
    assert (won[0].attempt, won[0].status, store.get(job.id)) == (1, JobStatus.RUNNING, won[0])
    assert store.spec(job.id) == {"a": 1}


def test_an_old_delivery_is_not_taken(store: JobStore) -> None:
    job = store.create(new(), {})
    store.deliver_again(job)
    assert store.claim(job.id, 1, "worker") is None
    assert store.claim(job.id, 2, "worker") is not None
    assert store.claim("job_none", 1, "worker") is None


WRITES: list[Callable[[JobStore, Job], object]] = [
    lambda store, job: store.hold(job, 5),
    lambda store, job: store.report(job, Progress(1, 2)),
    lambda store, job: store.finish(job, JobStatus.SUCCEEDED, result={}),
    lambda store, job: store.hand_back(job),
]


@pytest.mark.parametrize("write", WRITES, ids=["hold", "report", "finish", "hand back"])
def test_a_dead_attempt_writes_nothing_more(store: JobStore, write: Callable[[JobStore, Job], object]) -> None:
    dead = at_work(store)
    store.give_up(dead, 10)
    with pytest.raises(FencedError):
        write(store, dead)
    assert store.claim(dead.id, 2, "other") is not None
    before = store.get(dead.id)
    with pytest.raises(FencedError):
        write(store, dead)
    assert store.get(dead.id) == before
    store.delete(before)
    with pytest.raises((FencedError, JobNotFoundError)):
        write(store, dead)


def test_giving_up_twice_is_giving_up_once(store: JobStore) -> None:
    job = at_work(store)
    assert store.give_up(job, 10) == store.give_up(job, 10)


def test_strikes_count_only_without_progress(store: JobStore) -> None:
    job = store.create(new(), {})
    for delivery in range(1, 6):
        claimed = store.claim(job.id, delivery, "worker")
        assert claimed is not None
        store.report(claimed, Progress(delivery, 99, stage="train"))
        assert store.give_up(claimed, 2).status is JobStatus.QUEUED
    for delivery, status in ((6, JobStatus.QUEUED), (7, JobStatus.FAILED)):
        claimed = store.claim(job.id, delivery, "worker")
        assert claimed is not None
        job = store.give_up(claimed, 2)
        assert job.status is status
    assert job.error is not None
    assert job.error["code"] == "attempts_exhausted"
    assert store.resume(job.id).strikes == 0


def test_success_that_comes_after_a_cancel_is_a_cancelled_job(store: JobStore) -> None:
    job = at_work(store)
    assert store.cancel(job.id).status is JobStatus.CANCELLING
    ended = store.finish(job, JobStatus.SUCCEEDED, result={"a": 1})
    assert (ended.status, ended.result) == (JobStatus.CANCELLED, None)


def test_idempotency(store: JobStore) -> None:
    first = store.create(new(), {}, ("key", "digest"))
    assert store.create(new(), {}, ("key", "digest")) == first
    with pytest.raises(IdempotencyError):
        store.create(new(), {}, ("key", "another"))
    assert store.create(new(), {}, ("other", "digest")).id != first.id
    assert len(store.page(None, 10)[0]) == 2


def test_pages_go_from_new_to_old(store: JobStore) -> None:
    ids = [store.create(new(1e9 + i), {}).id for i in range(5)][::-1]
    found, more = store.page(None, 3)
    assert ([job.id for job in found], more) == (ids[:3], True)
    found, more = store.page(ids[2], 3)
    assert ([job.id for job in found], more) == (ids[3:], False)
    with pytest.raises(FieldError):
        store.page("job_none", 3)


def test_old_events_are_trimmed_and_numbers_go_on(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "KEPT_EVENTS", 5)
    job = at_work(store)
    for step in range(10):
        store.report(job, Progress(step), [Event("log", {"message": str(step)})])
    assert [event.id for event in store.events(job.id, 0, 100)] == [18, 19, 20, 21, 22]
    assert store.get(job.id).n_events == 22
    assert [event.id for event in store.events(job.id, 19, 2)] == [20, 21]


def test_what_has_outlived_its_time_goes(store: JobStore, connection: Redis, tmp_path: Path) -> None:
    old, waiting, young = (store.create(new(moment), {}) for moment in (1e9, 1e9, time.time()))
    for job in (old, young):
        store.cancel(job.id)
        (jobs_directory(tmp_path) / job.id).mkdir(parents=True)
    connection.set(f"xite:job:{old.id}", store.get(old.id).but(finished_at=1e9).dumps())
    Recovery(store, JobQueue(connection, 60), Settings(home=tmp_path)).age()
    assert {job.id for job in store.page(None, 10)[0]} == {waiting.id, young.id}
    assert [path.name for path in jobs_directory(tmp_path).iterdir()] == [young.id]
    assert not list(connection.scan_iter(f"xite:job:{old.id}*"))
    assert store.counts()["cancelled"] == 1


class Life(RuleBasedStateMachine):
    """One job, and attempts that come too late."""

    store: JobStore

    def __init__(self) -> None:
        super().__init__()
        self.job = self.store.create(new(), {})
        self.status, self.attempts, self.events = JobStatus.QUEUED, list[Job](), 1

    @property
    def held(self) -> bool:
        return self.status in (JobStatus.RUNNING, JobStatus.CANCELLING)

    @rule(back=st.integers(0, 2))
    def claim(self, back: int) -> None:
        delivery = self.store.get(self.job.id).delivery - back
        claimed = self.store.claim(self.job.id, delivery, "worker")
        assert (claimed is not None) == (self.status is JobStatus.QUEUED and back == 0)
        if claimed:
            self.attempts.append(claimed)
            assert claimed.attempt == len(self.attempts)
            self.moved(JobStatus.RUNNING)

    @rule(back=st.integers(0, 2), write=st.sampled_from(["hold", "report", "finish", "fail", "hand back", "give up"]))
    def write(self, back: int, write: str) -> None:
        if back >= len(self.attempts):
            return
        job, may = self.attempts[-1 - back], self.held and back == 0
        if write == "give up":
            after = self.store.give_up(job, 3)
            if may:
                self.moved(after.status)
            return
        try:
            if write == "hold":
                self.store.hold(job, 5)
            elif write == "report":
                self.store.report(job, Progress(1, 2))
                self.events += 1
            elif write == "hand back":
                cancelled = self.status is JobStatus.CANCELLING
                self.store.hand_back(job)
                self.moved(JobStatus.CANCELLED if cancelled else JobStatus.QUEUED)
            else:
                wanted = JobStatus.SUCCEEDED if write == "finish" else JobStatus.FAILED
                cancelled = self.status is JobStatus.CANCELLING and write == "finish"
                self.store.finish(job, wanted)
                self.moved(JobStatus.CANCELLED if cancelled else wanted)
        except FencedError:
            assert not may
        else:
            assert may

    @rule()
    def cancel(self) -> None:
        try:
            after = self.store.cancel(self.job.id)
        except JobStateError:
            assert self.status in END
            return
        assert self.status not in END
        if self.status is not JobStatus.CANCELLING:
            self.moved(JobStatus.CANCELLING if self.held else JobStatus.CANCELLED)
        assert after.status is self.status

    @rule()
    def resume(self) -> None:
        try:
            self.store.resume(self.job.id)
        except JobStateError:
            assert self.status not in (JobStatus.CANCELLED, JobStatus.FAILED)
            return
        assert self.status in (JobStatus.CANCELLED, JobStatus.FAILED)
        self.moved(JobStatus.QUEUED)

    @rule()
    def lose_the_delivery(self) -> None:
        present = self.store.get(self.job.id)
        self.store.deliver_again(present)
        assert self.store.get(self.job.id).delivery == present.delivery + (self.status is JobStatus.QUEUED)
        self.events = self.store.get(self.job.id).n_events

    @invariant()
    def all_agrees(self) -> None:
        job = self.store.get(self.job.id)
        assert (job.status, job.attempt, job.n_events) == (self.status, len(self.attempts), self.events)
        assert [event.id for event in self.store.events(job.id, 0, 1000)] == [*range(1, self.events + 1)]
        assert (job.id in {active.id for active in self.store.active()}) == (job.status not in END)
        assert self.store.counts()[job.status] >= 1
        assert (job.finished_at is not None) == (job.status in END)

    def moved(self, status: JobStatus) -> None:
        self.status = status
        self.events += 1

    def teardown(self) -> None:
        self.store.delete(self.store.get(self.job.id))


def test_the_life_of_a_job(store: JobStore) -> None:
    checked = settings(max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(type("OneLife", (Life,), {"store": store}), settings=checked)


def test_what_a_job_needs_is_known_until_it_ends(store: JobStore) -> None:
    job = store.create(
        new(), {"request": {"target": {"dataset": "ds_1"}, "pool": [{"dataset": "ds_2"}]}, "revision": "r7"}
    )
    assert [store.needing(name) for name in ("ds_1", "ds_2", "r7")] == [job, job, job]
    assert store.needing("ds_") is None
    claimed = store.claim(job.id, 1, "worker")
    assert claimed is not None
    assert store.needing("r7") is not None
    store.finish(claimed, JobStatus.SUCCEEDED, result={})
    assert store.needing("ds_1") is None
