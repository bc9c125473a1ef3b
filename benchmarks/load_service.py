"""The service that is measured, on cores of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.processes.ports import usable_port

BUNDLE = "demo-sentiment"


@contextmanager
def serving(home: Path, cores: set[int]) -> Iterator[tuple[int, int]]:
    """Build the demonstration bundle where it is missing, serve it on some cores; gives port and process id."""
    environment = {**os.environ, "XITE_HOME": str(home.absolute()), "XITE_LOG_LEVEL": "warning"}
    if not (home / "bundles" / BUNDLE).is_dir():
        subprocess.run(
            [sys.executable, "-m", "app", "demo", "--oneshot", "--home", str(home)], env=environment, check=True
        )
    port = usable_port("127.0.0.1", 0)
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--bundle", BUNDLE]
    alone = environment | {"XITE_JOB_WORKERS": "0"}
    process = subprocess.Popen(command, env=alone, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    try:
        _wait_until_ready(port, process)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the service ended with status {process.returncode}")
