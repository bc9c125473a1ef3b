"""Makes the wall clock of every Python process jump by the seconds that the file ``CLOCK_OFFSET_FILE`` holds."""

from __future__ import annotations

import os
import time

_real, _real_ns, _file = time.time, time.time_ns, os.environ["CLOCK_OFFSET_FILE"]


def _offset() -> float:
    try:
        with open(_file) as handle:
            return float(handle.read() or 0)
    except OSError:
        return 0.0


time.time = lambda: _real() + _offset()  # type: ignore[assignment]
time.time_ns = lambda: _real_ns() + int(_offset() * 1e9)  # type: ignore[assignment]
