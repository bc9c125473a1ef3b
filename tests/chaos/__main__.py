"""``python -m tests.chaos --kills 200``: several jobs at once on two workers, and random processes killed meanwhile."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

from app.client import Client
from tests.chaos.faults import Faults
from tests.chaos.report import write_report
from tests.chaos.work import PATIENCE, Kind, Ledger, Worker, all_settled, kinds
from tests.support.jobs import Installation, installed

WORKERS = 2
STRIKES = 1000
"""A job is not to fail for being killed often: that limit has a test of its own."""


def main() -> int:
    """Run, write the report, give the exit status."""
    given = _arguments()
    with (
        tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder,
        installed(Path(folder) / "home", job_workers=WORKERS, job_strikes=STRIKES) as installation,
    ):
        report = run(installation, given)
        if report["violations"]:
            given.out.mkdir(parents=True, exist_ok=True)
            (given.out / "installation.log").write_bytes(installation.log.read_bytes())
    write_report(report, given.out)
    print(f"{report['kills']} kills, {len(report['violations'])} violations; report: {given.out}")
    return 1 if report["violations"] else 0


def run(installation: Installation, given: argparse.Namespace) -> dict[str, Any]:
    """Disturb until there were enough kills or the time is up, let all jobs end, and check."""
    begun, ledger, over = time.monotonic(), Ledger(), threading.Event()
    work = kinds(given.epochs)
    expected = {kind.name: _undisturbed(installation, kind, ledger) for kind in work}
    workers = [
        Worker(installation, kind, expected[kind.name], ledger, over, i)
        for i, kind in enumerate([*work, *work][: given.jobs])
    ]
    faults = Faults(installation, Random(given.seed), given.pause)
    for worker in workers:
        worker.start()
    while faults.kills < given.kills and time.monotonic() - begun < given.minutes * 60:
        faults.one()
        print(f"{faults.kills} kills, {len(ledger.finished)} jobs, {len(ledger.violations)} violations", flush=True)
    over.set()
    disturbed = time.monotonic() - begun
    for worker in workers:
        worker.join(PATIENCE)
        ledger.hold(not worker.is_alive(), f"{worker.name}: its job does not end")
    counts = all_settled(installation, ledger)
    return {
        "command": " ".join(["python -m tests.chaos", *sys.argv[1:]]),
        "seed": given.seed,
        "cores": os.cpu_count(),
        "seconds": {"disturbed": round(disturbed), "all": round(time.monotonic() - begun)},
        "kills": faults.kills,
        "faults": dict(faults.done),
        "installation given up and started again": faults.given_up,
        "counts": counts,
        "jobs": [vars(job) for job in ledger.finished],
        "violations": ledger.violations,
    }


def _undisturbed(installation: Installation, kind: Kind, ledger: Ledger) -> str:
    with Client(f"http://127.0.0.1:{installation.port}") as client:
        job = client.wait(kind.submit(client, f"{kind.name}-undisturbed").id)
        assert job.status == "succeeded", job
        ledger.accepted.append(job.id)
        return kind.proof(client, job)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="processes to kill")
    parser.add_argument("--minutes", type=float, default=120, help="no further fault after that time")
    parser.add_argument("--seed", type=int, default=1, help="of victims and moments")
    parser.add_argument("--jobs", type=int, default=4, help="jobs at once, up to 6")
    parser.add_argument("--epochs", type=int, default=120, help="length of a fine-tuning job")
    parser.add_argument("--pause", type=float, default=6.0, help="longest time between two faults, seconds")
    parser.add_argument("--out", type=Path, default=Path("build/chaos"), help="directory of the report")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
