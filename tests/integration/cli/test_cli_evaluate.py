"""``xite evaluate`` and ``xite tune`` on demonstration data, as real processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import Command
from xite_core.demo import demo_file


def rows(lang: str, start: int, stop: int) -> list[str]:
    return demo_file("reviews", lang).read_text("utf8").splitlines(keepends=True)[start:stop]


@pytest.fixture
def files(xite: Command) -> Command:
    """Half of the Korean demonstration reviews without use of their labels, the other half to test."""
    for name, lines in (("unlabeled", rows("ko", 0, 25)), ("test", rows("ko", 25, 50)), ("en", rows("en", 0, 200))):
        (xite.folder / f"{name}.jsonl").write_text("".join(lines), "utf8")
    return xite


def arguments(out: str) -> list[str]:
    return [
        *("evaluate", "--source", "en.jsonl", "--unlabeled", "unlabeled.jsonl", "--test", "test.jsonl"),
        *("--lang", "ko", "--task", "demo", "--seeds", "1", "--encoder", "hashing", "--quick", "--out", out),
    ]


def test_evaluate_writes_the_report_and_goes_on(files: Command) -> None:
    done = files.run(*arguments("report"))
    assert done.returncode == 0, done.stderr
    assert "zero_shot_centred" in done.stderr
    folder: Path = files.folder / "report"
    report = json.loads((folder / "report.json").read_text("utf8"))
    assert (report["task"], report["lang"], report["default"]) == ("demo", "ko", "xite_views")
    assert {"report.md", "report.html"} <= {path.name for path in folder.iterdir()}
    kept = {path: path.stat().st_mtime_ns for path in (folder / ".work" / "runs").rglob("*.npz")}
    assert len(kept) == 5
    files.succeed(*arguments("report"))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_evaluate_refuses_with_the_reason(files: Command) -> None:
    (files.folder / "test.jsonl").write_text("".join(rows("ko", 0, 4)), "utf8")
    assert "test: 4 rows, at least 20" in files.refuse(*arguments("none"))
    assert "depth" in files.refuse(*arguments("none"), "--depths", "bottom")


def test_tune_publishes_a_revision_with_chosen_options(files: Command) -> None:
    shown = json.loads(files.succeed("tune", "--unlabeled", "unlabeled.jsonl", "--lang", "ko"))
    about = json.loads(files.succeed("info", shown["bundle"]))
    assert about["revision"] == shown["revision"]
    assert about["options"] == shown["options"]
    assert about["origin"]["kind"] == "tune"
    answer = json.loads(files.succeed("augment", "in.jsonl", "out.parquet"))
    assert answer["coverage"] >= 0
