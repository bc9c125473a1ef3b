"""Fine-tune and predict, through real processes."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from app.cli import cli
from app.predicting import PredictionRequest, predict_file
from tests.support.bundles import demo_rows
from tests.support.command import Command, snapshot
from tests.support.finetuning import add_head, make_bundle
from xite_core.errors import InputError, XiteError


@pytest.fixture
def target(xite: Command) -> Path:
    """Korean text of which some has gold labels, which only evaluation sees."""
    path = xite.folder / "ko.jsonl"
    rows = [{"review": row.text, "gold": row.label} for row in demo_rows("reviews", "ko", 40)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf8")
    return path


COLUMNS = ("--column", "text=review", "--column", "label=gold")


def test_finetune_predict(xite: Command, target: Path) -> None:
    before = json.loads(xite.succeed("info"))["demo"]["active"]
    told = xite.succeed(
        "finetune", f"ko={target}", "--test", f"ko={target}", "--epochs", 2, "--batch-size", 32, "--lr", 0.01,
        "--replay", 0.25, "--fraction", 0.8, "--seed", 3, "--max-english-drop", 1, "--k", 4, "--scoring", "cosine",
        "--lam", 0.7, "--subspace", "neutral", "--min-confidence", 0.5, "--activate", "--json", "--work", "run",
        "--column", "text=review", "--column", "label=gold",
    )  # fmt: skip
    made = json.loads(told)
    report = made["report"]
    used = {name: report["options"][name] for name in ("epochs", "batch_size", "lr", "replay", "fraction", "seed")}
    assert used == {"epochs": 2, "batch_size": 32, "lr": 0.01, "replay": 0.25, "fraction": 0.8, "seed": 3}
    augment = report["options"]["augment"]
    assert (augment["k"], augment["scoring"], augment["lam"], augment["alpha"]) == (4, "cosine", 0.7, None)
    assert (augment["subspace"], augment["min_confidence"]) == ("neutral", 0.5)
    assert report["rows"]["target"] == {"ko": 40}
    assert set(report["metrics"]["after"]) == {"english", "target"}
    assert (xite.folder / "run" / "artifacts" / "report.json").is_file()
    assert json.loads(xite.succeed("info"))["demo"]["active"] == made["revision"] != before
    for name in ("out.parquet", "out.jsonl"):
        counted = json.loads(xite.succeed("predict", target, name, "--column", "text=review"))
        assert counted["texts"] == sum(counted["label_counts"].values()) == 40
    (xite.folder / "some.jsonl").write_text('{"text": "좋아요"}\n{"text": ""}\n', "utf8")
    skipped = json.loads(xite.succeed("predict", "some.jsonl", "some.parquet", "--skip-bad-rows"))
    assert (skipped["texts"], skipped["bad_rows"]["count"]) == (1, 1)
    rows = pq.read_table(xite.folder / "out.parquet").to_pylist()
    assert [row["text"] for row in rows] == [row.text for row in demo_rows("reviews", "ko", 40)]
    for row in rows:
        assert row["confidence"] == max(row["probabilities"].values()) == row["probabilities"][row["label"]]
        assert (row["bundle"], row["revision"]) == ("demo", made["revision"])
    lines = [json.loads(line) for line in (xite.folder / "out.jsonl").read_text("utf8").splitlines()]
    assert [line["label"] for line in lines] == [row["label"] for row in rows]


def test_the_result_under_another_name(xite: Command, target: Path) -> None:
    more = xite.folder / "more.csv"
    more.write_text("review,gold\nan extra row,positive\nanother extra row,negative\n", "utf8")
    told = xite.succeed("finetune", target, "--name", "other", "--source", more, "--epochs", 1, *COLUMNS)
    line, hint = told.splitlines()
    name, revision, _, verdict = line.split()
    expected = {"passed": "active", "failed": "active, though its gate failed: it is the first of its name"}
    assert hint == expected[verdict]
    assert (name, verdict in ("passed", "failed")) == ("other", True)
    assert json.loads(xite.succeed("info"))["other"]["revisions"] == [revision.rstrip(":")]


def test_another_name_keeps_its_labels(xite: Command) -> None:
    rows = [{"text": f"text {i}", "label": str(i % 2)} for i in range(20)]
    (xite.folder / "other.jsonl").write_text("\n".join(map(json.dumps, rows)))
    xite.succeed("build", "other.jsonl", "--name", "other", "--encoder", "hashing")
    refusal = xite.refuse("finetune", "in.jsonl", "--bundle", "demo", "--name", "other")
    assert "bundle 'other' holds other labels (0, 1); '0' is missing" in refusal


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--depth", "bottom"), "depth='bottom': expected 'head'"),
        (("--depth", "top:1"), "has no layers to train"),
        (("--replay", "1.5"), "replay=1.5"),
        (("--lam", "2"), "lam=2.0"),
        (("--dtype", "int8"), "encoder_dtype='int8'"),
        (("--device", "tpu"), "device='tpu'"),
        (("--adoption", "guess"), "adoption='guess'"),
        (("--rounds", "0"), "rounds=0"),
        (("--bundle", "none"), "no bundle 'none'"),
        (("--name", "a/b"), "bundle='a/b'"),
        (("--test", "nowhere.csv"), "nowhere.csv: no such file"),
        (("--source", "nowhere.csv"), "nowhere.csv: no such file"),
        (("--pool", "ko"), "pool='ko': expected NAME=VALUE"),
    ],
)
def test_mistakes_are_named(
    xite: Command, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, since each start of the command takes seconds."""
    monkeypatch.chdir(xite.folder)
    before = snapshot(xite.home)
    with pytest.raises(XiteError) as told:
        cli(["finetune", "in.jsonl", "--home", str(xite.home), *arguments], standalone_mode=False)
    assert message in str(told.value)
    assert snapshot(xite.home) == before


def test_a_mistake_ends_with_one_line(xite: Command) -> None:
    assert "epochs=0: expected a whole number from 1" in xite.refuse("finetune", "in.jsonl", "--epochs", 0)


def test_prediction_needs_a_head_and_another_file(xite: Command) -> None:
    assert "has no head" in xite.refuse("predict", "in.jsonl", "out.parquet")
    for target, problem in (("in.jsonl", "overwrite"), ("out.txt", "unknown format")):
        request = PredictionRequest(xite.home, xite.folder / "in.jsonl", xite.folder / target)
        with pytest.raises(InputError, match=problem):
            predict_file(request, Console(quiet=True))


@pytest.mark.parametrize(
    ("line", "problem"),
    [('{"text": "a", "text_pair": "b"}', "line 1501: .*single texts"), ("{", "line 1501: broken JSON")],
)
def test_a_bad_row_in_the_middle_leaves_no_output(tmp_path: Path, line: str, problem: str) -> None:
    add_head(make_bundle(tmp_path / "home"), tmp_path / "home", "tuned")
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "a"}\n' * 1500 + line + "\n", "utf8")
    with pytest.raises(InputError, match=problem):
        predict_file(PredictionRequest(tmp_path / "home", bad, tmp_path / "out.csv"), Console(quiet=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.jsonl", "home"]


def test_interrupted_and_started_again(xite: Command, target: Path) -> None:
    arguments = ("finetune", target, "--epochs", 1000, "--patience", 0, "--work", "run", *COLUMNS)
    process = xite.start(*arguments)
    until = time.monotonic() + 120
    while not list((xite.folder / "run").glob("*")):
        assert time.monotonic() < until
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert len(json.loads(xite.succeed("info"))["demo"]["revisions"]) == 1
    xite.succeed("finetune", target, "--epochs", 2, "--work", "run", *COLUMNS)
    assert len(json.loads(xite.succeed("info"))["demo"]["revisions"]) == 2
