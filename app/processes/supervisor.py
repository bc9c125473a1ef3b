"""Starts processes in order, starts again what ends by itself, ends all in the opposite order."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from app.processes.linux import die_with_parent

log = structlog.get_logger(__name__)

QUICK = 20.0
"""Seconds; a process that fails within them has not come up."""

MAX_QUICK = 5
"""Quick failures in a row after which an essential process is given up."""

_LONGEST_PAUSE = 5.0
_TICK = 0.1


@dataclass(frozen=True, slots=True)
class Program:
    """What is run.

    Parameters
    ----------
    name : str
        For the log.
    command : sequence of str
        The command line.
    environment : mapping
        Put over that of the supervisor.
    stop_seconds : float
        How long it may take to end after SIGTERM.
    essential : bool
        Whether everything ends when it fails at its very first start, or again and again.
    delay : float
        Seconds after the start of the supervisor before which it is not started.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: float = 30.0
    essential: bool = False
    delay: float = 0.0


class _Child:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.failures = 0
        self.starts = 0
        self.start_at = time.monotonic() + program.delay
        self.process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def start(self) -> None:
        parent = os.getpid()
        # One thread here, so the code between fork and exec is safe.
        self.process = subprocess.Popen(
            self.program.command,
            env={**os.environ, **self.program.environment},
            preexec_fn=lambda: die_with_parent(parent),
            start_new_session=True,
        )
        self.starts += 1
        self._started = time.monotonic()
        log.info("started", program=self.program.name, pid=self.process.pid)

    def look(self) -> int | None:
        """The exit status of a process that has ended since the last look."""
        if self.process is None or (status := self.process.poll()) is None:
            return None
        quick = time.monotonic() - self._started < QUICK
        self.process = None
        self.failures = self.failures + 1 if quick else 1
        pause = min(0.2 * 2 ** (self.failures - 1), _LONGEST_PAUSE) if quick else 0.0
        self.start_at = time.monotonic() + pause
        log.warning("ended", program=self.program.name, status=status, again_in=pause)
        return int(status)

    def hopeless(self, status: int) -> bool:
        """Whether another start makes no sense: wrong from the beginning, or wrong too often."""
        first = self.starts == 1 and self.failures == 1 and status > 0 and time.monotonic() - self._started < QUICK
        return self.program.essential and (first or self.failures >= MAX_QUICK)

    def stop(self) -> None:
        process = self.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(self.program.stop_seconds)
        except subprocess.TimeoutExpired:
            log.warning("killed", program=self.program.name)
            process.kill()
            process.wait()


class Supervisor:
    """Runs programs until told to stop.

    Parameters
    ----------
    programs : sequence of Program
        In the order of their start; they end in the opposite order.
    """

    def __init__(self, programs: Sequence[Program]) -> None:
        self._children = [_Child(program) for program in programs]
        self._stopping = False

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until an essential program cannot be kept up; gives the exit status."""
        handlers = {number: signal.signal(number, self._request_stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            return self._run()
        finally:
            for child in reversed(self._children):
                child.stop()
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _run(self) -> int:
        while not self._stopping:
            for child in self._children:
                status = child.look()
                if status is not None and child.hopeless(status):
                    return status
                if child.process is None and time.monotonic() >= child.start_at and not self._stopping:
                    child.start()
            time.sleep(_TICK)
        return 0

    def _request_stop(self, number: int, frame: object) -> None:
        self._stopping = True
