"""Open-loop load on a real service: ``python -m benchmarks.load capacity | overload | soak`` (``make load``, ``soak``).

Requests are sent when they are due, whether or not earlier ones were answered, and latency counts from that moment, so
that a slow service does not slow its own measurement down. The generator has one core for itself, the service the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.load_client import Answer, Connections
from benchmarks.load_service import serving

WARM_SECONDS = 5.0
P99 = 1.0
"""The capacity is the highest rate at which p99 stays under so many seconds and nothing is refused."""

FOLLOWED = 0.02
"""Share of the refused requests that are sent again when `Retry-After` says, until they are admitted."""

MOST_TRIES = 20


@dataclass
class Window:
    """What was seen during some seconds."""

    rate: float
    seconds: float
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    advised: list[int] = field(default_factory=list)
    followed: Counter[int] = field(default_factory=Counter)
    """Of those that were sent again: how many were admitted at which try."""
    given_up: int = 0

    def add(self, answer: Answer, latency: float) -> None:
        """Count an answer; latencies are those of the admitted."""
        self.statuses[answer.status] += 1
        if answer.status == 200:
            self.latencies.append(latency)

    def as_dict(self) -> dict[str, Any]:
        """Give the figures."""
        made: dict[str, Any] = {"rate": round(self.rate, 1), "seconds": self.seconds, "statuses": dict(self.statuses)}
        if self.latencies:
            found = np.quantile(self.latencies, [0.5, 0.95, 0.99])
            made |= {name: round(float(value), 3) for name, value in zip(("p50", "p95", "p99"), found, strict=True)}
        if self.advised:
            made["retry_after"] = {"mean": round(float(np.mean(self.advised)), 2), "max": max(self.advised)}
        if self.given_up:
            made["given_up"] = self.given_up
        if self.followed:
            made["admitted_at_try"] = dict(sorted(self.followed.items()))
        return made

    @property
    def holds(self) -> bool:
        """Whether the service kept up."""
        return set(self.statuses) == {200} and float(np.quantile(self.latencies, 0.99)) < P99


class Generator:
    """Sends texts at a rate.

    Parameters
    ----------
    connections : Connections
        To the service.
    texts : callable
        Gives the next text.
    """

    def __init__(self, connections: Connections, texts: Callable[[], str]) -> None:
        self._connections, self._texts = connections, texts

    async def run(self, rate: float, seconds: float) -> Window:
        """Send for some seconds with exponential gaps, then wait for what is under way."""
        window, loop = Window(rate, seconds), asyncio.get_running_loop()
        due = start = loop.time()
        tasks: set[asyncio.Task[None]] = set()
        while (due := due + random.expovariate(rate)) < start + seconds:
            await asyncio.sleep(max(0.0, due - loop.time()))
            task = asyncio.create_task(self._one(window, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        return window

    async def _one(self, window: Window, due: float) -> None:
        loop, body = asyncio.get_running_loop(), json.dumps({"inputs": [self._texts()]}).encode()
        answer = await self._connections.post("/augment", body)
        window.add(answer, loop.time() - due)
        if answer.status == 429:
            window.advised.append(answer.retry_after)
            if random.random() < FOLLOWED:
                await self._follow(window, body, answer)

    async def _follow(self, window: Window, body: bytes, answer: Answer) -> None:
        """Come again when told to, as a client does, until admitted."""
        for attempt in range(1, MOST_TRIES + 1):
            await asyncio.sleep(answer.retry_after)
            answer = await self._connections.post("/augment", body)
            if answer.status != 429:
                counter, key = (window.followed, attempt) if answer.status == 200 else (window.statuses, answer.status)
                counter[key] += 1
                return
        window.given_up += 1


async def capacity(generator: Generator, seconds: float) -> tuple[float, list[dict[str, Any]]]:
    """Double the rate until it does not hold, then halve the interval."""
    low, high, seen = 0.0, 8.0, []
    while (window := await generator.run(high, seconds)).holds:
        seen.append(window.as_dict())
        low, high = high, 2 * high
    seen.append(window.as_dict())
    for _ in range(4):
        middle = (low + high) / 2
        window = await generator.run(middle, seconds)
        seen.append(window.as_dict())
        low, high = (middle, high) if window.holds else (low, middle)
    return low, seen


def memory(pid: int) -> int:
    """Resident bytes of the service and all its processes."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(process.memory_info().rss for process in family)


async def sustained(generator: Generator, rate: float, minutes: float, pid: int) -> list[dict[str, Any]]:
    """Keep a rate, a minute at a time, with the memory after each."""
    seen = []
    for minute in range(1, max(1, round(minutes)) + 1):
        window = await generator.run(rate, 60.0 if minutes >= 1 else 60.0 * minutes)
        seen.append({"minute": minute, **window.as_dict(), "resident_mb": round(memory(pid) / 1e6, 1)})
        print(json.dumps(seen[-1]), flush=True)
    return seen


def familiar_texts() -> Callable[[], str]:
    """Texts of the demonstration data, in turn."""
    from xite_core.demo import TARGET_LANGUAGES, demo_file
    from xite_core.records.readers import read_examples

    files = [demo_file("reviews", lang) for lang in TARGET_LANGUAGES]
    rows = [row.text for file in files for chunk in read_examples(file, labeled=False) for row in chunk]
    return lambda: random.choice(rows)


def novel_texts() -> Callable[[], str]:
    """Texts that never come twice, of many scripts: what a cache in a tokenizer would grow with."""
    scripts = [(0xAC00, 0xD7A3), (0x0620, 0x064A), (0x0905, 0x0939), (0x61, 0x7A), (0x4E00, 0x9FFF)]

    def word() -> str:
        first, last = random.choice(scripts)
        return "".join(chr(random.randint(first, last)) for _ in range(random.randint(2, 9)))

    return lambda: " ".join(word() for _ in range(random.randint(4, 24)))


async def measured(options: argparse.Namespace, port: int, pid: int) -> dict[str, Any]:
    """Do what was asked for."""
    texts = novel_texts() if options.what == "soak" else familiar_texts()
    async with Connections(port) as connections:
        generator = Generator(connections, texts)
        await generator.run(5, WARM_SECONDS)
        if options.what == "soak":
            return {"soak": await sustained(generator, options.rate or 5.0, options.minutes, pid)}
        rate, steps = (options.rate, []) if options.rate else await capacity(generator, options.step)
        result: dict[str, Any] = {"capacity": round(rate, 1), "steps": steps}
        if options.what == "overload":
            result["at_twice_the_capacity"] = await sustained(generator, 2 * rate, options.minutes, pid)
        return result


def cores() -> Iterator[int]:
    """The cores of this process."""
    yield from sorted(os.sched_getaffinity(0))


def main() -> None:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=("capacity", "overload", "soak"))
    parser.add_argument("--minutes", type=float, default=10.0, help="of overload or soak")
    parser.add_argument("--step", type=float, default=20.0, help="seconds at each rate of the search")
    parser.add_argument("--rate", type=float, help="requests a second, in place of the search")
    parser.add_argument("--home", type=Path, default=Path("data"), help="data directory with the demonstration bundle")
    parser.add_argument("--out", type=Path, help="JSON file")
    options = parser.parse_args()
    *for_service, own = cores()
    os.sched_setaffinity(0, {own})
    with serving(options.home, set(for_service) or {own}) as (port, pid):
        made = asyncio.run(measured(options, port, pid))
    made |= {
        "cores_of_the_service": len(for_service) or 1,
        "load_average": os.getloadavg(),
        "at": time.strftime("%F %T"),
    }
    text = json.dumps(made, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", "utf8")


if __name__ == "__main__":
    main()
