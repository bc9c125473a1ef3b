"""A process that forks builders which die, by SIGKILL, at every step of a build; run with ``-m``, single-threaded.

``steps HOME``: for N = 1, 2, ... a builder kills itself at its N-th call into the file system, until one lives.
``moments HOME COUNT``: builders are killed after random times.
``race HOME NAME REVISION``: two builders at once; both build the same revision.

After each death it looks at the store; what is wrong with it is the process's output, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.support.bundles import NAME, build_small, demo_rows
from xite_core import storage
from xite_core.bundle.bundle import open_bundle
from xite_core.bundle.store import BundleStore
from xite_core.encoder.hashing import HashingEncoder
from xite_core.errors import AlreadyExistsError

STEPS = ("fsync", "replace")
MAX_STEPS = 400


def fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except AlreadyExistsError:
        status = 3
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def die_at(step: int) -> None:
    left = [step]

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def counting(*args: object, **named: object) -> object:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **named)

        return counting

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    storage._rename_without_replacing = counted(storage._rename_without_replacing)  # type: ignore[assignment]


def problems(home: Path) -> list[str]:
    """What is half-written and can be seen."""
    store = BundleStore(home)
    found = []
    for revision in store.revisions(NAME):
        try:
            open_bundle(store.resolve(NAME, revision), full_check=True)
        except Exception as error:
            found.append(f"{revision}: {error}")
    if store.revisions(NAME) and store.names() != [NAME]:
        found.append(f"names: {store.names()}")
    return found


def build(home: Path, count: int = 16, name: str = NAME, revision: str | None = None) -> None:
    build_small(
        home, demo_rows("reviews", "en", count), name=name, encoder=HashingEncoder(dimension=32), revision=revision
    )


def steps(home: Path) -> dict[str, object]:
    found, published = [], []
    for step in range(1, MAX_STEPS):

        def work(step: int = step) -> None:
            die_at(step)
            build(home, revision=f"r{step}")

        _, status = os.waitpid(fork(work), 0)
        found += problems(home)
        published.append(len(BundleStore(home).revisions(NAME)))
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            return {
                "steps": step,
                "status": os.waitstatus_to_exitcode(status),
                "published": published,
                "problems": found,
            }
    return {"steps": MAX_STEPS, "status": None, "published": published, "problems": found}


def moments(home: Path, count: int) -> dict[str, object]:
    start = time.perf_counter()
    os.waitpid(fork(lambda: build(home)), 0)
    whole, found, killed = time.perf_counter() - start, [], 0
    for _ in range(count):
        child = fork(lambda: build(home))
        time.sleep(random.uniform(0, whole))
        os.kill(child, signal.SIGKILL)
        killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        found += problems(home)
    build(home, revision="z-last")
    return {"killed": killed, "problems": found, "last": BundleStore(home).resolve(NAME).name}


def race(home: Path, name: str, revision: str) -> dict[str, object]:
    children = [fork(lambda count=count: build(home, count, name, revision)) for count in (16, 20)]
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return {"statuses": sorted(statuses), "problems": problems(home)}


if __name__ == "__main__":
    mode, place, *rest = sys.argv[1:]
    if mode == "steps":
        told = steps(Path(place))
    elif mode == "moments":
        told = moments(Path(place), int(rest[0]))
    else:
        told = race(Path(place), *rest)
    print(json.dumps(told))
