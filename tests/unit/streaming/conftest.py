"""Augments a small file in small parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundles import CountingEncoder
from tests.support.streaming import CHUNK, OPTIONS, StopError, write_rows
from xite_core import streaming
from xite_core.augmenter import Augmenter
from xite_core.bundle.bundle import Bundle
from xite_core.streaming import FileAugmentation, FileAugmenter


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "CHUNK", CHUNK)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "in.jsonl")


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


@pytest.fixture
def run(bundle: Bundle, source: Path, tmp_path: Path, encoder: CountingEncoder) -> Callable[..., dict[str, Any]]:
    """Augments the source; keyword arguments change the job; ``stop`` interrupts after so many parts."""

    def running(target: Path | str = "out.parquet", stop: int | None = None, **changes: Any) -> dict[str, Any]:
        of = changes.pop("bundle", bundle)
        job = FileAugmentation(source, tmp_path / target, OPTIONS)
        parts = []

        def progress(done: int) -> None:
            parts.append(done)
            if len(parts) == stop:
                raise StopError

        return FileAugmenter(Augmenter(of, encoder), dataclasses.replace(job, **changes), progress).run()

    return running
