"""The service of the demonstration, as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xite_core.errors import XiteError

HOST = "127.0.0.1"
STOP_SECONDS = 60


@contextmanager
def serving(home: Path, port: int, bundle: str) -> Iterator[subprocess.Popen[str]]:
    """Run ``xite serve`` as a process of its own for the length of the block."""
    log = home / "serve.log"
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--home", str(home), "--bundle", bundle]
    with log.open("w", encoding="utf8") as handle:
        service = subprocess.Popen(command, stdout=handle, stderr=subprocess.STDOUT, text=True)
    try:
        yield service
    except Exception as error:
        if service.poll() is None:
            raise
        last = log.read_text("utf8").strip().splitlines()[-3:]
        raise XiteError(f"the service ended with status {service.returncode}: {' '.join(last)}") from error
    finally:
        if service.poll() is None:
            service.send_signal(signal.SIGTERM)
            service.wait(STOP_SECONDS)
