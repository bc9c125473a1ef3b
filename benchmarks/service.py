"""Throughput and latency of ``POST /augment`` with many clients, against the library in one process on the same texts.

    python benchmarks/service.py [--encoder xite-mini] [--clients 32] [--requests 1500] [--out FILE.json]

The clients run in this process on plain sockets, so that they cost little of the machine they share with the service.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from app.processes.ports import usable_port
from app.settings import set_up_libraries

SEED = 0
HEAD = b"POST /augment HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", default="xite-mini")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--home", type=Path, help="a data directory with the one bundle to use; default: built anew")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    set_up_libraries()
    with tempfile.TemporaryDirectory() as folder:
        home = args.home or Path(folder)
        if args.home is None:
            build(home, args.encoder)
        requests = make_requests(args.requests)
        rounds = [measure(home, requests, args.clients) for _ in range(args.rounds)]
    middle = sorted(rounds, key=lambda figures: figures["ratio"])[len(rounds) // 2]
    result = {
        "encoder": Path(args.encoder).name,
        "clients": args.clients,
        "requests": len(requests),
        "texts": sum(map(len, requests)),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "median_round": middle,
        "rounds": rounds,
    }
    print(json.dumps(result, indent=1))
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n", "utf8")


def build(home: Path, encoder: str) -> None:
    from rich.console import Console

    from app.building import BuildRequest, build_bundle
    from xite_core.demo import demo_file

    request = BuildRequest(home, "demo-sentiment", demo_file("reviews", "en"), encoder={"name": encoder})
    build_bundle(request, Console(stderr=True))


def make_requests(count: int) -> list[list[str]]:
    """Requests of 1 to 8 reviews in four languages."""
    from xite_core.demo import TARGET_LANGUAGES, demo_file
    from xite_core.records.readers import read_examples

    texts = [
        row.text
        for lang in TARGET_LANGUAGES
        for chunk in read_examples(demo_file("reviews", lang), labeled=True)
        for row in chunk
    ]
    choose = random.Random(SEED)
    return [[choose.choice(texts) for _ in range(choose.randint(1, 8))] for _ in range(count)]


def measure(home: Path, requests: list[list[str]], clients: int) -> dict[str, Any]:
    """The library first, then the service, close in time, since other work on the machine comes and goes."""
    texts = sum(map(len, requests))
    library_wall, library_cpu = library_seconds(home, requests)
    library = texts / library_wall
    port = usable_port("127.0.0.1", 0)
    environment = {**os.environ, "XITE_HOME": str(home), "XITE_PORT": str(port), "XITE_LOG_LEVEL": "warning"}
    process = subprocess.Popen([sys.executable, "-m", "app.serve"], env=environment)
    try:
        ready = wait_until_ready(port)
        asyncio.run(drive(port, requests[: 2 * clients], clients))
        before = cpu_seconds(process.pid)
        seconds, latencies = asyncio.run(drive(port, requests, clients))
        service_cpu = cpu_seconds(process.pid) - before
    finally:
        process.terminate()
        process.wait()
    latencies.sort()
    service = texts / seconds
    return {
        "library_texts_per_s": round(library, 1),
        "service_texts_per_s": round(service, 1),
        "ratio": round(service / library, 3),
        "library_cpu_ms_per_text": round(1000 * library_cpu / texts, 2),
        "service_cpu_ms_per_text": round(1000 * service_cpu / texts, 2),
        "p50_ms": round(1000 * latencies[len(latencies) // 2], 1),
        "p99_ms": round(1000 * latencies[int(len(latencies) * 0.99)], 1),
        "start_to_ready_s": round(ready, 2),
    }


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far; unlike the wall clock it hardly depends on what else the machine does."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def library_seconds(home: Path, requests: list[list[str]]) -> tuple[float, float]:
    """One call on all texts, in a process of its own, so that no threads of it are left beside the service."""
    code = (
        "import json, sys, time; from pathlib import Path; from app.settings import set_up_libraries\n"
        "set_up_libraries()\n"
        "from app.augmenting import open_augmenter; from xite_core.types import Example\n"
        "augmenter = open_augmenter(Path(sys.argv[1]), None, None)\n"
        "examples = [Example(text) for text in json.load(sys.stdin)]\n"
        "augmenter.augment(examples[:64]); start = time.perf_counter(), time.process_time()\n"
        "augmenter.augment(examples); print(time.perf_counter() - start[0], time.process_time() - start[1])"
    )
    texts = json.dumps([text for request in requests for text in request])
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], input=texts, capture_output=True, text=True, check=True
    )
    wall, cpu = map(float, done.stdout.split())
    return wall, cpu


def wait_until_ready(port: int) -> float:
    start = time.perf_counter()
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5).close()
            return time.perf_counter() - start
        except (urllib.error.URLError, ConnectionError):
            if time.perf_counter() - start > 300:
                raise
            time.sleep(0.02)


async def drive(port: int, requests: list[list[str]], clients: int) -> tuple[float, list[float]]:
    """Send all requests, each client one after the other; give the time of all and of each."""
    bodies = iter([json.dumps({"inputs": request}, ensure_ascii=False).encode() for request in requests])
    latencies: list[float] = []
    start = time.perf_counter()
    await asyncio.gather(*(client(port, bodies, latencies) for _ in range(clients)))
    return time.perf_counter() - start, latencies


async def client(port: int, bodies: Any, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    for body in bodies:
        start = time.perf_counter()
        writer.write(HEAD % len(body) + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(answer.split("content-length: ")[1].split("\r\n")[0]))
        if not answer.startswith("http/1.1 200"):
            raise RuntimeError(answer)
        latencies.append(time.perf_counter() - start)
    writer.close()


if __name__ == "__main__":
    main()
