"""Augmenting a file after an interruption: what is kept, what is made anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.bundles import CountingEncoder, build_small, demo_rows
from tests.support.streaming import CHUNK, OPTIONS, PARTS, ROWS, StopError, hidden, read_any, write_rows
from xite_core.bundle.bundle import Bundle
from xite_core.streaming import partial_folder


@pytest.mark.parametrize("target", ["out.parquet", "out.jsonl", "out.csv", "out"])
@pytest.mark.parametrize("stop", [1, 3, PARTS])
def test_an_interrupted_run_goes_on_where_it_stopped(
    run: Callable[..., dict[str, Any]], encoder: CountingEncoder, tmp_path: Path, target: str, stop: int
) -> None:
    whole = run(f"whole-{target}")
    encoder.encoded = 0
    with pytest.raises(StopError):
        run(target, stop=stop)
    assert not (tmp_path / target).exists()
    assert encoder.encoded == stop * CHUNK
    assert run(target) == whole
    assert encoder.encoded == len(ROWS)
    if (tmp_path / target).is_file():
        assert (tmp_path / target).read_bytes() == (tmp_path / f"whole-{target}").read_bytes()
    assert read_any(tmp_path / target) == read_any(tmp_path / f"whole-{target}")
    assert hidden(tmp_path) == []


def test_a_run_can_be_interrupted_again_and_again(
    run: Callable[..., dict[str, Any]], encoder: CountingEncoder, tmp_path: Path
) -> None:
    for stop in range(1, PARTS + 1):
        with pytest.raises(StopError):
            run(stop=stop)
    assert encoder.encoded == len(ROWS)
    run()
    assert encoder.encoded == len(ROWS)
    assert pq.read_table(tmp_path / "out.parquet")["id"].unique().to_pylist() == [row.id for row in ROWS]


def test_a_part_without_its_report_is_made_again(
    run: Callable[..., dict[str, Any]], encoder: CountingEncoder, tmp_path: Path
) -> None:
    whole = run("whole.parquet")
    with pytest.raises(StopError):
        run(stop=3)
    (partial_folder(tmp_path / "out.parquet") / "part-00000001.json").unlink()
    encoder.encoded = 0
    assert run() == whole
    assert encoder.encoded == len(ROWS) - 2 * CHUNK


CHANGES: dict[str, dict[str, Any]] = {
    "option": {"options": OPTIONS.replaced({"lam": 0.75})},
    "seed": {"options": OPTIONS.replaced({"seed": 8})},
    "lang": {"lang": "ko"},
    "neighbors": {"neighbors": True},
    "columns": {"columns": {"label": "gold"}},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_job_starts_over(
    run: Callable[..., dict[str, Any]], encoder: CountingEncoder, tmp_path: Path, change: str
) -> None:
    with pytest.raises(StopError):
        run(stop=3)
    encoder.encoded = 0
    run(**CHANGES[change])
    assert encoder.encoded == len(ROWS)
    run("fresh.parquet", **CHANGES[change])
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "fresh.parquet").read_bytes()


def test_a_changed_input_starts_over(
    run: Callable[..., dict[str, Any]], encoder: CountingEncoder, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(StopError):
        run(stop=3)
    write_rows(source, 20)
    encoder.encoded = 0
    run()
    assert encoder.encoded == 20
    assert len(set(pq.read_table(tmp_path / "out.parquet")["id"].to_pylist())) == 20


def test_another_bundle_starts_over(
    run: Callable[..., dict[str, Any]], encoder: CountingEncoder, bundle: Bundle, tmp_path: Path
) -> None:
    other = build_small(tmp_path / "home", demo_rows("reviews", "en", 60), name=bundle.name)
    with pytest.raises(StopError):
        run(stop=3)
    encoder.encoded = 0
    run(bundle=other)
    assert encoder.encoded == len(ROWS)
    assert set(pq.read_table(tmp_path / "out.parquet")["revision"].to_pylist()) == {other.revision}


def test_an_old_target_stays_until_the_new_one_is_whole(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("old")
    with pytest.raises(StopError):
        run("out.jsonl", stop=PARTS)
    assert (tmp_path / "out.jsonl").read_text() == "old"
    run("out.jsonl")
    assert len(read_any(tmp_path / "out.jsonl")) > len(ROWS)
