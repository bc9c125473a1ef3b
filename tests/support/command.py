"""The command line as a real process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

XITE = [sys.executable, "-c", "from app.cli import main; main()"]


def environment(home: Path) -> dict[str, str]:
    """A clean environment: one thread, no hub, this data directory, the sources on the path."""
    root = Path(__file__).resolve().parents[2]
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("XITE_")},
        "XITE_HOME": str(home),
        "XITE_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(root),
        "COLUMNS": "80",
    }


@dataclass(frozen=True)
class Command:
    """Runs ``xite`` with one data directory, in one working directory."""

    home: Path
    folder: Path

    def start(self, *arguments: object, **named: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*XITE, *map(str, arguments)],
            cwd=self.folder,
            env=environment(self.home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **named,
        )

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(list(map(str, arguments)), process.returncode, out, err)

    def succeed(self, *arguments: object) -> str:
        """Run and give the standard output."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refuse(self, *arguments: object) -> str:
        """Run what has to be refused: status 2, one line of error, nothing written; gives that line."""
        before = snapshot(self.home) | snapshot(self.folder)
        done = self.run(*arguments)
        assert done.returncode == 2, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        lines = done.stderr.splitlines()
        assert [line.startswith("error: ") for line in lines[-2:]] in ([True], [False, True]), done.stderr
        assert len(lines) == 1 or re.search(r"\d/[\d?]", lines[0]), done.stderr  # what the progress bar left
        assert done.stdout == ""
        after = snapshot(self.home) | snapshot(self.folder)
        assert after == before, set(after.items()) ^ set(before.items())
        return lines[-1]


def snapshot(folder: Path) -> dict[Path, int]:
    """Every file, hidden ones too, with its time; without the stamps, which may be written at any reading."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".verified" not in path.parts]
    return {path: path.stat().st_mtime_ns for path in files}
