"""What is done to a running installation."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from contextlib import suppress
from random import Random

from tests.support.jobs import API, HORSE, LEASE, REDIS, WORKER, Installation

VICTIMS = {"work-horse": HORSE, "worker": WORKER, "api": API, "redis": REDIS}
WEIGHTS = {"work-horse": 38, "worker": 22, "api": 10, "redis": 12, "everything": 4, "sleep": 10, "restart": 4}
KILLS = frozenset({*VICTIMS, "everything"})
"""Faults that are SIGKILL; the others are SIGSTOP with SIGCONT, and SIGTERM."""


class Faults:
    """Hurts an installation, and counts what was really done.

    Parameters
    ----------
    installation : Installation
        Running.
    random : Random
        Decides what and when.
    pause : float
        Longest time between two faults, seconds.
    """

    def __init__(self, installation: Installation, random: Random, pause: float) -> None:
        self._installation, self._random, self._pause = installation, random, pause
        self.done: Counter[str] = Counter()
        self.given_up = 0
        """How often the supervisor ended by itself, as it does where the API fails again and again."""

    @property
    def kills(self) -> int:
        """Processes that were ended by SIGKILL; the whole installation counts as one."""
        return sum(count for fault, count in self.done.items() if fault in KILLS)

    def one(self) -> None:
        """Wait for a random moment and do one thing."""
        time.sleep(self._random.uniform(0.1, self._pause))
        self._keep_up()
        fault = self._random.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
        if fault == "everything":
            done = self._end(signal.SIGKILL)
        elif fault == "restart":
            done = self._end(signal.SIGTERM)
        elif fault == "sleep":
            done = self._sleep(self._random.choice([*VICTIMS.values()]))
        else:
            done = self._send(VICTIMS[fault], signal.SIGKILL) is not None
        self.done[fault] += done

    def _send(self, part: str, sent: signal.Signals) -> int | None:
        """Send a signal to a random process of a kind; its id, where there was one."""
        found = self._installation.pids(part)
        if not found:
            return None
        pid = self._random.choice(found)
        try:
            os.kill(pid, sent)
        except ProcessLookupError:
            return None
        return pid

    def _sleep(self, part: str) -> bool:
        pid = self._send(part, signal.SIGSTOP)
        if pid is None:
            return False
        time.sleep(self._random.uniform(0.2, 2.5 * LEASE))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        return True

    def _end(self, sent: signal.Signals) -> bool:
        process = self._installation.process
        assert process is not None
        process.send_signal(sent)
        process.wait(120)
        self._installation.start()
        return True

    def _keep_up(self) -> None:
        """Start the installation again where it gave up, as an operator's service manager does."""
        process = self._installation.process
        if process is not None and process.poll() is not None:
            self.given_up += 1
            self._installation.start()
