"""A real process, killed with SIGKILL in mid-run and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.finetuning import make_bundle

ROOT = Path(__file__).parents[3]
SCRIPT = """
import json, sys, time
from pathlib import Path
import torch
from tests.support.finetuning import small, tune
from xite_core.bundle.bundle import open_bundle

torch.set_num_threads(1)
home, work, revision, pause = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])
bundle = open_bundle(home / "bundles" / "base" / "r1")
result = tune(bundle, work, home, small(epochs=3), revision=revision,
              progress=lambda event: time.sleep(pause), checkpoint_seconds=0)
print(json.dumps([result.report["weights_sha256"], result.report["curve"]]))
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, *arguments]
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def outcome(process: subprocess.Popen[str]) -> list[object]:
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    found: list[object] = json.loads(out)
    return found


@pytest.mark.parametrize("delay", [0.0, 0.4])
def test_kill_nine_and_resume(delay: float, tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    make_bundle(home)
    process = start(str(home), str(work), "tuned", "0.1")
    deadline = time.monotonic() + 240
    while not (work / "checkpoint.safetensors").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (home / "bundles" / "base" / "tuned").exists()
    resumed = outcome(start(str(home), str(work), "tuned", "0"))
    assert (home / "bundles" / "base" / "tuned" / "manifest.json").is_file()
    assert resumed == outcome(start(str(home), str(tmp_path / "calm"), "calm", "0"))
