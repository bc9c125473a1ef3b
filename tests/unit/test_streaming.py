"""Augmenting files: formats, interruption and resumption, constant memory."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.bundles import ROOT, CountingEncoder, build_small, demo_rows
from xite_core import streaming
from xite_core.augmenter import Augmenter
from xite_core.bundle.bundle import Bundle
from xite_core.errors import InputError, OptionError, RowError, StorageError
from xite_core.options import AugmentOptions
from xite_core.records.writers import check_target
from xite_core.report import Report
from xite_core.streaming import FileAugmentation, FileAugmenter, partial_folder

COLUMNS = [
    *("id", "text", "text_pair", "lang", "status", "reason", "label", "confidence", "score", "cosine"),
    *("source_id", "source_text", "source_text_pair", "source_label", "neighbors"),
    *("draw", "lam", "subspace", "seed", "vector", "n_tokens", "truncated", "bundle", "revision"),
]
ROWS = [row for lang in ("ko", "ar", "hi", "ur") for row in demo_rows("reviews", lang, 10)]
CHUNK = 8
PARTS = 5
OPTIONS = AugmentOptions(k=5, tau=0.5, alpha=0.5, n=2, min_confidence=0.6)


class StopError(Exception):
    """What the tests interrupt with."""


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


def write_rows(path: Path, rows: int = len(ROWS), broken: int | None = None) -> Path:
    lines = [
        json.dumps({"id": row.id, "text": row.text, "lang": row.lang if i % 3 else None}, ensure_ascii=False)
        for i, row in enumerate(ROWS[:rows])
    ]
    if broken is not None:
        lines[broken - 1] = lines[broken - 1][:-3]
    path.write_text("\n".join(lines) + "\n", "utf8")
    return path


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_the_file_holds_what_one_call_gives(run: Callable[..., dict[str, Any]], bundle: Bundle, tmp_path: Path) -> None:
    report = run()
    table = pq.read_table(tmp_path / "out.parquet")
    texts = [dataclasses.replace(row, label=None, lang=row.lang if i % 3 else None) for i, row in enumerate(ROWS)]
    made = Augmenter(bundle, CountingEncoder()).augment(texts, OPTIONS)
    assert table.schema.names == COLUMNS
    rows = table.to_pylist()
    expected = [
        (text, draw) for text in made.texts for draw in (enumerate(text.embeddings) if text.embeddings else [None])
    ]
    assert len(rows) == len(expected) < 2 * len(ROWS)
    for row, (text, draw) in zip(rows, expected, strict=True):
        match, source = text.match, text.match.matched_example
        assert (row["id"], row["text"], row["lang"]) == (text.example.id, text.example.text, match.lang)
        assert (row["status"], row["label"]) == (match.status, match.label)
        assert row["reason"] == (None if match.reason is None else str(match.reason))
        assert (row["source_id"], row["source_text"], row["source_label"]) == (source.id, source.text, source.label)
        assert (row["n_tokens"], row["truncated"], row["neighbors"]) == (text.n_tokens, text.truncated, None)
        assert (row["bundle"], row["revision"]) == (bundle.name, bundle.revision)
        np.testing.assert_allclose(
            [row["confidence"], row["score"], row["cosine"]], [match.confidence, match.score, match.cosine], atol=1e-5
        )
        if draw is None:
            assert {row[name] for name in ("draw", "lam", "subspace", "seed", "vector")} == {None}
        else:
            number, each = draw
            assert (row["draw"], row["subspace"], row["seed"]) == (number, str(each.subspace), each.seed)
            np.testing.assert_allclose(row["lam"], each.lam)
            np.testing.assert_allclose(row["vector"], each.vector, atol=1e-6)
    whole = Report(bundle.anchors.ntotal)
    whole.add(made)
    assert report == whole.as_dict()
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("target", ["out.parquet", "out.jsonl", "out.ndjson", "out.csv", "out"])
def test_every_format_has_the_documented_columns(
    run: Callable[..., dict[str, Any]], tmp_path: Path, target: str
) -> None:
    run("reference.parquet", neighbors=True)
    run(target, neighbors=True)
    expected = pq.read_table(tmp_path / "reference.parquet").to_pylist()
    rows = read_any(tmp_path / target)
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        assert list(row) == COLUMNS
        assert row == wanted
    assert len(expected[0]["neighbors"]) == 5
    assert list(expected[0]["neighbors"][0]) == ["id", "text", "label", "score", "cosine"]
    assert hidden(tmp_path) == []


def read_any(path: Path) -> list[dict[str, Any]]:
    if path.is_dir():
        return pa.ipc.open_stream(pa.memory_map(str(path / "data-00000-of-00001.arrow"))).read_all().to_pylist()
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix != ".csv":
        return [json.loads(line) for line in path.read_text("utf8").splitlines()]
    with path.open(encoding="utf8", newline="") as handle:
        return [{name: csv_value(name, cell) for name, cell in row.items()} for row in csv.DictReader(handle)]


def csv_value(name: str, cell: str) -> Any:
    if not cell:
        return None
    if name in ("neighbors", "vector"):
        return json.loads(cell)
    if name in ("confidence", "score", "cosine", "lam"):
        return float(cell)
    if name in ("draw", "seed", "n_tokens"):
        return int(cell)
    return cell == "True" if name == "truncated" else cell


def test_datasets_opens_the_directory(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra 'datasets' is not installed")
    run("reference.parquet", neighbors=True)
    run("out", neighbors=True)
    opened = datasets.load_from_disk(str(tmp_path / "out"))
    assert opened.column_names == COLUMNS
    assert opened.to_list() == pq.read_table(tmp_path / "reference.parquet").to_pylist()


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


def test_a_pair_among_single_texts_is_named_by_its_row(
    run: Callable[..., dict[str, Any]], source: Path, tmp_path: Path
) -> None:
    lines = source.read_text("utf8").splitlines()
    lines[20] = json.dumps({"text": "하나", "text_pair": "둘"})
    source.write_text("\n".join(lines), "utf8")
    with pytest.raises(RowError, match=r"in\.jsonl, row 21: bundle 'small' holds single texts"):
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


def test_an_old_target_stays_until_the_new_one_is_whole(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("old")
    with pytest.raises(StopError):
        run("out.jsonl", stop=PARTS)
    assert (tmp_path / "out.jsonl").read_text() == "old"
    run("out.jsonl")
    assert len(read_any(tmp_path / "out.jsonl")) > len(ROWS)


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


def test_reading_back_the_output_as_input(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    check_target(tmp_path / "first.parquet")
    run("first.parquet")
    report = run("second.parquet", source=tmp_path / "first.parquet")
    assert report["texts"] == pq.read_metadata(tmp_path / "first.parquet").num_rows


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
