"""Validation in a process of its own: an uploaded file may be made to exhaust memory or to crash a decoder.

``python -m app.datasets.checking PARENT`` reads a task as JSON from standard input and writes what came of it to
standard output; `check` starts it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.datasets.intake import Limits, Upload
from app.datasets.record import DatasetRecord
from app.datasets.store import DatasetStore
from app.errors import DatasetRefusedError
from app.processes.linux import die_with_parent, limit_memory
from xite_core.errors import StorageError

MEMORY = 1536
"""MiB that the process may fill: a row group, and a batch of its rows, in several forms."""

PATIENCE = 900.0
"""Seconds that a file may take."""

_QUIET = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"}
"""Allocators that reserve memory in advance would use up the limit."""


@dataclass(frozen=True, slots=True)
class Task:
    """A file to validate and to keep under an id."""

    home: Path
    path: Path
    dataset_id: str
    upload: Upload
    limits: Limits

    def as_json(self) -> bytes:
        """Give the task as it is sent to the process."""
        return json.dumps({**asdict(self), "home": str(self.home), "path": str(self.path)}).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Task:
        """Read what `as_json` gave."""
        values = json.loads(text)
        upload, limits = Upload(**values["upload"]), Limits(**values["limits"])
        return cls(Path(values["home"]), Path(values["path"]), values["dataset_id"], upload, limits)


async def check(task: Task) -> DatasetRecord:
    """Validate and keep a file; the process ends with this call, also where it is cancelled.

    Raises
    ------
    DatasetRefusedError
        If the file cannot be used, exhausts the memory or the time, or crashes its decoder.
    StorageError
        If the disk refuses.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(os.getpid()), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **_QUIET},
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE):
            out, _ = await process.communicate(task.as_json())
    except TimeoutError:
        raise DatasetRefusedError(f"validation took longer than {PATIENCE:g} s; split the file") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if process.returncode:
            await asyncio.to_thread(DatasetStore(task.home).discard, task.dataset_id)
    return _outcome(process.returncode or 0, out)


def _outcome(status: int, out: bytes) -> DatasetRecord:
    if status < 0:  # a signal: not our code but a decoder ended it
        raise DatasetRefusedError("its decoder gave up on it: the file is damaged, or far too large when decoded")
    if status:
        raise RuntimeError(f"the validation ended with status {status}")
    answer: dict[str, Any] = json.loads(out)
    match answer["outcome"]:
        case "kept":
            return DatasetRecord.from_dict(answer["record"])
        case "storage":
            raise StorageError(Path(answer["path"]), answer["reason"])
        case _:
            raise DatasetRefusedError(answer["problem"], answer["rows"])


def _answer(work: Callable[[], DatasetRecord]) -> dict[str, Any]:
    try:
        return {"outcome": "kept", "record": work().as_dict()}
    except DatasetRefusedError as error:
        return {"outcome": "refused", "problem": error.problem, "rows": error.rows}
    except StorageError as error:
        return {"outcome": "storage", "path": str(error.path), "reason": error.reason}
    except MemoryError:
        problem = f"needs more than {MEMORY:,} MiB when decoded; split the file"
        return {"outcome": "refused", "problem": problem, "rows": []}


def main() -> None:
    """Do the task on standard input, for the parent whose process id is the argument."""
    die_with_parent(int(sys.argv[1]))
    limit_memory(MEMORY)
    task = Task.from_json(sys.stdin.buffer.read())
    answer = _answer(lambda: DatasetStore(task.home).add(task.path, task.upload, task.limits, task.dataset_id))
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
