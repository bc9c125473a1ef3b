"""How long Label Studio waits for the predictions of many tasks in one call; it gives up after 100 s.

python -m benchmarks.annotation [--tasks 1000] [--long]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
from rich.console import Console

from app.annotation.label_studio.examples import CONFIGURATION
from app.building import BuildRequest, build_bundle
from tests.support.service import NAME, running
from xite_core.demo import TARGET_LANGUAGES, demo_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--long", action="store_true", help="two reviews in each task")
    parser.add_argument("--home", type=Path, help="a data directory with the demonstration bundle; default: made")
    args = parser.parse_args()
    body = json.dumps({"tasks": tasks(args.tasks, 1 + args.long), "label_config": CONFIGURATION}).encode()
    with tempfile.TemporaryDirectory() as folder:
        home = args.home or Path(folder)
        if args.home is None:
            build_bundle(BuildRequest(home=home, name=NAME, source=demo_file("reviews", "en")), Console(stderr=True))
        with running(home, default_bundle=NAME) as service:
            load, before, started = os.getloadavg()[0], cpu_seconds(service.process.pid), time.perf_counter()
            headers = {"Content-Type": "application/json"}
            answer = httpx.post(f"{service.url}/label-studio/predict", content=body, headers=headers, timeout=100)
            seconds = time.perf_counter() - started
            computed = cpu_seconds(service.process.pid) - before
    figures = {
        "tasks": args.tasks,
        "predictions": len(answer.raise_for_status().json()["results"]),
        "bytes": len(body),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(computed, 1),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(load, 1),
    }
    print(json.dumps(figures))


def cpu_seconds(pid: int) -> float:
    """What a process and its children have computed."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def tasks(count: int, texts: int) -> list[dict[str, Any]]:
    """Tasks with all that Label Studio sends beside the text, in four languages."""
    rows = [
        json.loads(line)
        for language in TARGET_LANGUAGES
        for line in demo_file("reviews", language).read_text("utf8").splitlines()
    ]
    rng = random.Random(0)
    times = {"created_at": "2026-11-25T00:51:09.247284Z", "updated_at": "2026-11-25T00:51:09.247289Z"}
    made = []
    for number in range(count):
        chosen = rng.choices(rows, k=texts)
        data = {"text": " ".join(row["text"] for row in chosen) + f" {number}", "lang": chosen[0]["lang"]}
        counts = {"total_annotations": 0, "cancelled_annotations": 0, "total_predictions": 0, "comment_count": 0}
        made.append({"id": number, "data": data, "meta": {}, **times, **counts, "annotations": [], "predictions": []})
    return made


if __name__ == "__main__":
    main()
