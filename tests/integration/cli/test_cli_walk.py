"""Build, info, augment, revise, through real processes."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.bundles import demo_rows
from tests.support.command import Command
from xite_core.bundle.store import BundleStore
from xite_core.demo import demo_file
from xite_core.types import Example


def write(path: Path, rows: list[Example], *, labels: bool) -> Path:
    cells = [{"id": r.id, "review": r.text, "lang": r.lang, **({"gold": r.label} if labels else {})} for r in rows]
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(cells), path)
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf8", newline="") as handle:
            writer = csv.DictWriter(handle, list(cells[0]))
            writer.writeheader()
            writer.writerows(cells)
    else:
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in cells), "utf8")
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_build_info_augment(empty_home: Command, suffix: str) -> None:
    xite = empty_home
    source = write(xite.folder / f"en{suffix}", demo_rows("reviews", "en", 60), labels=True)
    pool = write(xite.folder / f"pool{suffix}", demo_rows("reviews", "ko"), labels=False)
    (xite.folder / "xx.jsonl").write_text(json.dumps({"text": "하나"}) + "\n" + json.dumps({"text": "둘"}) + "\n")
    told = xite.succeed(
        "build", source, "--name", "b", "--encoder", "hashing", "--column", "text=review", "--column", "label=gold",
        "--pool", "xx=xx.jsonl", "--validation", 0, "--index", "hnsw",
    )  # fmt: skip
    assert told.startswith("b 20")
    assert told.endswith(": 60 examples, negative, positive\nactivated\n")
    listed = json.loads(xite.succeed("info"))
    assert list(listed) == ["b"]
    assert listed["b"]["revisions"] == [listed["b"]["active"]]
    facts = json.loads(xite.succeed("info", "b", "--verify"))
    assert (facts["name"], facts["revision"]) == ("b", listed["b"]["active"])
    assert facts["counts"] == {"anchors": 60, "validation": 0}
    assert facts["index"]["kind"] == "hnsw"
    assert {"en", "ko", "xx"} <= set(facts["languages"])
    out = xite.folder / f"out{suffix}"
    report = json.loads(xite.succeed("augment", pool, out, "--column", "text=review", "--n", 2, "--alpha", 0.5))
    assert (report["texts"], report["coverage"]) == (50, 1.0)
    rows = read(out)
    assert len(rows) == 100
    assert {row["label"] for row in rows} == {"positive", "negative"}
    assert {row["lang"] for row in rows} == {"ko"}
    assert {row["revision"] for row in rows} == {facts["revision"]}
    assert [row["text"] for row in rows[::2]] == [row.text for row in demo_rows("reviews", "ko")]


def read(path: Path) -> list[dict]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".csv":
        with path.open(encoding="utf8", newline="") as handle:
            return list(csv.DictReader(handle))
    return [json.loads(line) for line in path.read_text("utf8").splitlines()]


def test_every_option_reaches_the_output(xite: Command) -> None:
    options = (
        "--bundle demo --k 3 --scoring margin --voting nearest --tau 0.5 --subspace neutral --lam 0.25 --n 2 "
        "--normalize --seed 9 --neighbors --min-cosine -1 --min-score -1000 --min-confidence 0"
    )
    xite.succeed("augment", "in.jsonl", "out.parquet", *options.split())
    rows = read(xite.folder / "out.parquet")
    assert len(rows) == 40
    for row in rows:
        assert (row["lam"], row["subspace"], row["seed"], len(row["neighbors"])) == (0.25, "neutral", 9, 3)
        assert row["source_id"] == row["neighbors"][0]["id"]
        assert abs(sum(value**2 for value in row["vector"]) - 1) < 1e-5


def test_a_threshold_abstains_in_the_file_and_in_the_report(xite: Command) -> None:
    report = json.loads(xite.succeed("augment", "in.jsonl", "out.jsonl", "--min-cosine", 0.9))
    assert (report["coverage"], report["abstentions"]) == (0.0, {"below_min_cosine": 20})
    rows = read(xite.folder / "out.jsonl")
    assert {(row["status"], row["reason"], row["label"], row["vector"]) for row in rows} == {
        ("abstained", "below_min_cosine", None, None)
    }


def test_bad_rows_are_skipped_when_told(xite: Command) -> None:
    lines = [json.dumps({"id": row.id, "text": row.text}) for row in demo_rows("reviews", "ko", 30)]
    lines[4], lines[16] = json.dumps({"text": " "}), '{"text": "cut off'
    lines[20], lines[22] = json.dumps({"text": "a", "text_pair": "b"}), json.dumps({"text": "a", "lang": "Korean"})
    (xite.folder / "some.jsonl").write_text("\n".join(lines), "utf8")
    assert "some.jsonl, line 5: 'text' is empty" in xite.refuse("augment", "some.jsonl", "out.jsonl")
    report = json.loads(xite.succeed("augment", "some.jsonl", "out.jsonl", "--skip-bad-rows"))
    assert (report["texts"], report["bad_rows"]["count"]) == (26, 4)
    assert report["bad_rows"]["listed"][0].startswith("some.jsonl, line 5: 'text' is empty")
    assert report["bad_rows"]["listed"][1].startswith("some.jsonl, line 17: broken JSON")
    assert report["bad_rows"]["listed"][2].startswith("some.jsonl, line 21: bundle 'demo' holds single texts")
    assert report["bad_rows"]["listed"][3].startswith("some.jsonl, line 23: 'lang' is 'Korean', expected a")
    assert [row["id"] for row in read(xite.folder / "out.jsonl")] == [
        row.id for i, row in enumerate(demo_rows("reviews", "ko", 30)) if i not in (4, 16, 20, 22)
    ]
    (xite.folder / "none.jsonl").write_text('{"text": ""}\n', "utf8")
    assert "none of its rows can be used" in xite.refuse("augment", "none.jsonl", "out.jsonl", "--skip-bad-rows")


def test_a_second_build_takes_over_only_when_told(xite: Command) -> None:
    first = json.loads(xite.succeed("info"))["demo"]["active"]
    xite.succeed("build", demo_file("reviews", "en"), "--name", "demo", "--encoder", "hashing", "--no-activate")
    listed = json.loads(xite.succeed("info"))["demo"]
    assert (listed["active"], len(listed["revisions"])) == (first, 2)
    xite.succeed("augment", "in.jsonl", "out.jsonl", "--revision", listed["revisions"][1])
    assert {row["revision"] for row in read(xite.folder / "out.jsonl")} == {listed["revisions"][1]}


def test_names_with_brackets_are_printed_as_they_are(xite: Command) -> None:
    (xite.folder / "in.jsonl").rename(xite.folder / "[red]in.jsonl")
    done = xite.run("augment", "[red]in.jsonl", "out.jsonl")
    assert done.returncode == 0
    assert "augmenting [red]in.jsonl" in done.stderr
    assert "[/red]gone.jsonl: no such file" in xite.refuse("augment", "[/red]gone.jsonl", "out.jsonl")


@pytest.fixture
def long_source(xite: Command) -> Path:
    path = xite.folder / "long.jsonl"
    rows = demo_rows("reviews", "ko")
    with path.open("w", encoding="utf8") as handle:
        for i in range(4000):
            handle.write(json.dumps({"id": str(i), "text": f"{i} {rows[i % 50].text}"}, ensure_ascii=False) + "\n")
    return path


def interrupted(xite: Command, source: Path, number: signal.Signals, part: int) -> subprocess.Popen[str]:
    """Send a signal as soon as a part is done."""
    target = "out.parquet"
    process = xite.start("augment", source, target)
    done = xite.folder / f".{target}.partial" / f"part-{part:08d}.json"
    deadline = time.monotonic() + 120
    while not done.is_file():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    return process


@pytest.mark.skipif(sys.platform != "linux", reason="kills processes")
def test_a_killed_run_goes_on_and_gives_the_same_bytes(xite: Command, long_source: Path) -> None:
    process = interrupted(xite, long_source, signal.SIGKILL, part=0)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not (xite.folder / "out.parquet").exists()
    kept = xite.folder / ".out.parquet.partial" / "part-00000000.arrow"
    kept_bytes, inode = kept.read_bytes(), kept.stat().st_ino
    process = interrupted(xite, long_source, signal.SIGINT, part=1)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert (kept.read_bytes(), kept.stat().st_ino) == (kept_bytes, inode)
    resumed = xite.succeed("augment", long_source, "out.parquet")
    whole = xite.succeed("augment", long_source, "whole.parquet")
    assert resumed == whole
    assert (xite.folder / "out.parquet").read_bytes() == (xite.folder / "whole.parquet").read_bytes()
    assert sorted(path.name for path in xite.folder.iterdir()) == [
        "in.jsonl",
        "long.jsonl",
        "out.parquet",
        "whole.parquet",
    ]


def test_activate_and_roll_back(xite: Command) -> None:
    first = json.loads(xite.succeed("info"))["demo"]["active"]
    told = xite.succeed("build", demo_file("reviews", "en"), "--name", "demo", "--encoder", "hashing", "--no-activate")
    assert told.endswith(f"not activated; active is {first}\n")
    second = json.loads(xite.succeed("info"))["demo"]["revisions"][-1]
    assert xite.succeed("activate", "demo", "latest") == f"demo {second}: activated\n"
    assert xite.succeed("rollback", "demo") == f"demo {first}: activated\n"
    assert xite.succeed("activate", "demo", second) == f"demo {second}: activated\n"
    assert "no revision 'none'" in xite.refuse("activate", "demo", "none")
    assert "no bundle 'other'" in xite.refuse("activate", "other", "latest")
    store = BundleStore(xite.home)
    (store.directory("demo", first) / "pool.safetensors").write_bytes(b"damage")
    assert "pool.safetensors" in xite.refuse("activate", "demo", first)
    assert store.resolve("demo").name == second
    (store.root / "demo" / "active.json").write_text("{")
    assert "cannot be read" in json.loads(xite.succeed("info"))["demo"]["problem"]
    xite.succeed("activate", "demo", "latest")
    assert store.resolve("demo").name == second


def test_revise_adds_and_removes(xite: Command) -> None:
    facts = json.loads(xite.succeed("info", "demo"))
    (xite.folder / "add.jsonl").write_text(json.dumps({"id": "n1", "text": "Splendid soup.", "label": "positive"}))
    xite.succeed("revise", "demo", "--add", "add.jsonl", "--remove", "en-r001", "--remove", "en-r002")
    after = json.loads(xite.succeed("info", "demo"))
    assert sum(after["counts"].values()) == sum(facts["counts"].values()) - 1
    assert after["origin"]["parent"] == facts["revision"]
    assert "no such id" in xite.refuse("revise", "demo", "--remove", "en-r001")


def test_revise_keeps_the_labels_and_tells_what_is_missing(xite: Command) -> None:
    (xite.folder / "odd.jsonl").write_text(
        json.dumps({"text": "Fine.", "label": "positive"}) + "\n" + json.dumps({"text": "So so.", "label": "neutral"})
    )
    refusal = xite.refuse("revise", "demo", "--add", "odd.jsonl")
    assert "bundle 'demo' holds negative, positive, but row 2 has the label 'neutral'; correct it" in refusal
    said = xite.succeed("revise", "demo", "--remove", "en-r003", "--no-activate")
    assert "negative, positive" in said
    assert "it has no head" in said
    assert "not activated" in said
