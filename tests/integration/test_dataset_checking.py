"""Validation in a process of its own: what it survives, and that it ends with whoever wanted it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.datasets import checking
from app.datasets.checking import Task, check
from app.datasets.intake import Limits, Upload
from app.datasets.store import DatasetStore, new_id
from app.errors import DatasetRefusedError

SCRIPT = """
import asyncio, sys
from pathlib import Path
from app.datasets.checking import Task, check
from app.datasets.intake import Limits, Upload
asyncio.run(check(Task(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Upload("x"), Limits())))
"""


def task(home: Path, path: Path) -> Task:
    return Task(home, path, new_id(), Upload("x"), Limits())


def many_rows(folder: Path) -> Path:
    """Enough to keep the validation busy for seconds."""
    path = folder / "many.jsonl"
    line = json.dumps({"text": "a text of some words that has to be read", "label": "p"}) + "\n"
    path.write_text(line * 1_500_000, "utf8")
    return path


def children(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children() if checking.__name__ in " ".join(child.cmdline())]


def wait_for_child(process: psutil.Process) -> psutil.Process:
    until = time.monotonic() + 60
    while not children(process):
        assert time.monotonic() < until
        time.sleep(0.05)
    return children(process)[0]


def wait_for_work(folder: Path) -> psutil.Process:
    """The child, once it writes its dataset under a hidden name."""
    child, until = wait_for_child(psutil.Process()), time.monotonic() + 60
    while not list(folder.glob("datasets/.ds_*")):
        assert time.monotonic() < until
        time.sleep(0.05)
    return child


def wait_until_gone(child: psutil.Process) -> None:
    until = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text\n좋아요\n", "utf8")
    record = asyncio.run(check(task(tmp_path, path)))
    assert DatasetStore(tmp_path).get(record.id) == record


def test_a_file_that_exhausts_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), pa.array(["x" * 4_000_000]))
    pq.write_table(pa.table({"text": text}), path, compression="zstd")
    assert path.stat().st_size < 10_000
    before = psutil.Process().memory_info().rss
    with pytest.raises(DatasetRefusedError):
        asyncio.run(check(task(tmp_path, path)))
    assert psutil.Process().memory_info().rss - before < 2**27
    assert list((tmp_path / "datasets").iterdir()) == []


def test_a_decoder_that_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = many_rows(tmp_path)

    async def crash() -> None:
        running = asyncio.ensure_future(check(task(tmp_path, path)))
        child = await asyncio.to_thread(wait_for_work, tmp_path)
        os.kill(child.pid, signal.SIGSEGV)
        await running

    with pytest.raises(DatasetRefusedError, match="decoder"):
        asyncio.run(crash())
    assert list((tmp_path / "datasets").iterdir()) == []


def test_a_validation_that_is_not_wanted_any_more_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = many_rows(tmp_path)

    async def cancel() -> psutil.Process:
        running = asyncio.ensure_future(check(task(tmp_path, path)))
        child = await asyncio.to_thread(wait_for_work, tmp_path)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return child

    assert not asyncio.run(cancel()).is_running()
    assert list((tmp_path / "datasets").iterdir()) == []
    monkeypatch.setattr(checking, "PATIENCE", 0.5)
    with pytest.raises(DatasetRefusedError, match=r"longer than 0.5 s"):
        asyncio.run(check(task(tmp_path, path)))
    assert list((tmp_path / "datasets").iterdir()) == []


def test_it_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    path, dataset_id = many_rows(tmp_path), new_id()
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), str(path), dataset_id]
    parent = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    child = wait_for_child(psutil.Process(parent.pid))
    time.sleep(1)
    parent.kill()
    parent.wait()
    wait_until_gone(child)
    assert DatasetStore(tmp_path).list() == ([], False)
