"""Augmenting a long file takes no more memory than a short one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bundles import ROOT
from tests.support.streaming import ROWS
from xite_core.bundle.bundle import Bundle

MEASURE = """
import sys
from pathlib import Path
from tests.support.bundles import HashingEncoder
from xite_core import streaming
from xite_core.augmenter import Augmenter
from xite_core.bundle.bundle import open_bundle
from xite_core.options import AugmentOptions

streaming.CHUNK = 128
peaks = []

def progress(done):
    peaks.append(peak())

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

job = streaming.FileAugmentation(Path(sys.argv[2]), Path(sys.argv[3]), AugmentOptions(n=6))
streaming.FileAugmenter(Augmenter(open_bundle(Path(sys.argv[1])), HashingEncoder()), job, progress).run()
print(peaks[4], peaks[29], peak())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_memory_does_not_grow_with_the_file(bundle: Bundle, tmp_path: Path) -> None:
    source = tmp_path / "long.jsonl"
    with source.open("w", encoding="utf8") as handle:
        for i in range(30 * 128):
            row = ROWS[i % len(ROWS)]
            handle.write(json.dumps({"id": str(i), "text": f"{i} {row.text}"}, ensure_ascii=False) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(bundle.directory), str(source), str(tmp_path / "out.parquet")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    early, late, end = map(int, done.stdout.split())
    assert late <= 1.05 * early
    assert end <= 1.25 * early
