"""What cannot be augmented, and what is left behind then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.bundles import CountingEncoder
from tests.support.streaming import CHUNK, ROWS, hidden, write_rows
from xite_core.errors import InputError, OptionError, RowError, StorageError
from xite_core.options import AugmentOptions
from xite_core.streaming import partial_folder


def test_a_broken_line_is_named_and_the_parts_before_it_are_kept(
    run: Callable[..., dict[str, Any]], encoder: CountingEncoder, source: Path, tmp_path: Path
) -> None:
    write_rows(source, broken=30)
    for _ in range(2):
        with pytest.raises(RowError, match=r"in\.jsonl, line 30: broken JSON"):
            run()
        assert encoder.encoded == 3 * CHUNK
        assert not (tmp_path / "out.parquet").exists()
        assert len(list(partial_folder(tmp_path / "out.parquet").glob("*.arrow"))) == 3
    write_rows(source)
    run()
    assert set(pq.read_table(tmp_path / "out.parquet")["id"].to_pylist()) == {row.id for row in ROWS}


@pytest.mark.parametrize("broken", [1, 8])
def test_an_error_before_the_first_part_leaves_nothing(
    run: Callable[..., dict[str, Any]], source: Path, tmp_path: Path, broken: int
) -> None:
    write_rows(source, broken=broken)
    with pytest.raises(RowError, match=f"line {broken}"):
        run()
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_pair_among_single_texts_is_named_by_its_line(
    run: Callable[..., dict[str, Any]], source: Path, tmp_path: Path
) -> None:
    lines = source.read_text("utf8").splitlines()
    lines[20] = json.dumps({"text": "하나", "text_pair": "둘"})
    source.write_text("\n".join(lines), "utf8")
    with pytest.raises(RowError, match=r"in\.jsonl, line 21: bundle 'small' holds single texts"):
        run()


def test_k_beyond_the_index_leaves_nothing(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="k=200"):
        run(options=AugmentOptions(k=200))
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ("none/out.parquet", InputError, "the folder .*none does not exist"),
        ("out.xlsx", InputError, r"unknown format '\.xlsx'; expected \.parquet, \.jsonl, \.csv"),
        ("taken", StorageError, "a directory of that name exists"),
        ("in.jsonl", InputError, "would overwrite the input"),
        ("./in.jsonl", InputError, "would overwrite the input"),
    ],
)
def test_an_unusable_target_is_refused_before_any_work(
    run: Callable[..., dict[str, Any]],
    encoder: CountingEncoder,
    source: Path,
    tmp_path: Path,
    target: str,
    error: type[Exception],
    message: str,
) -> None:
    (tmp_path / "taken").mkdir()
    before = source.read_bytes()
    with pytest.raises(error, match=message):
        run(target)
    assert encoder.encoded == 0
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "taken"]


def test_a_target_inside_the_input_directory_is_refused(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    run("dataset")
    before = sorted(path.name for path in (tmp_path / "dataset").iterdir())
    with pytest.raises(InputError, match="would overwrite the input"):
        run("dataset/out.parquet", source=tmp_path / "dataset")
    assert sorted(path.name for path in (tmp_path / "dataset").iterdir()) == before


def test_a_missing_input_is_named(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.jsonl: no such file"):
        run(source=tmp_path / "gone.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize("size", ["24k", "96k"])
@pytest.mark.parametrize("target", ["out.parquet", "out.jsonl", "out.csv", "out"])
def test_a_full_disk_leaves_no_half_file(
    run: Callable[..., dict[str, Any]], small_disk: Any, target: str, size: str
) -> None:
    with small_disk(size) as disk:
        with pytest.raises(StorageError, match="No space left"):
            run(disk / target)
        assert not (disk / target).exists()
        assert hidden(disk) in ([], [f".{target}.partial"])
        left = partial_folder(disk / target)
        assert not left.exists() or not [path for path in left.iterdir() if path.suffix == ".tmp"]
