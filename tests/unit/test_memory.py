"""Free heap goes back to the system while work goes on, and at its end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.bundles import ROOT

BROKEN_HEAP = """
import time
from xite_core.memory import _resident, kept_small

def broken(blocks):
    held = [bytes(2000) for _ in range(blocks)]
    return held[::50]  # what stays keeps the heap from shrinking by itself

with kept_small(slack=8 * 2**20, interval=0.5):
    time.sleep(0.1)
    before = _resident()
    kept = broken(50_000)
    for _ in range(500):
        time.sleep(0.01)
        if _resident() < before + 40 * 2**20:
            break
    during = _resident()
    kept += broken(3_000)
after = _resident()
print((during - before) >> 20, (after - before) >> 20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_free_heap_is_given_back_in_the_midst_and_at_the_end() -> None:
    done = subprocess.run([sys.executable, "-c", BROKEN_HEAP], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    during, after = map(int, done.stdout.split())
    assert during < 40  # 100 MB were taken and all but 2 MB of it freed
    assert after < 40


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_heap_of_the_test_does_not_shrink_by_itself() -> None:
    script = BROKEN_HEAP.replace("slack=8 *", "slack=8000 *")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 60
