"""Review and export, through real processes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.support.command import Command


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_review(xite: Command) -> None:
    extra = [{"text": "=1+1", "id": "@x"}, json.loads((xite.folder / "in.jsonl").read_text("utf8").splitlines()[4])]
    with (xite.folder / "in.jsonl").open("a", encoding="utf8") as handle:
        handle.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in extra)
    told = json.loads(xite.succeed("review", "in.jsonl", "out.csv", "--min-confidence", 0.8))
    rows = rows_of(xite.folder / "out.csv")
    assert told["texts"] == len(rows) == 22
    assert sorted(int(row["row"]) for row in rows) == list(range(22))
    assert told["near_duplicates"] == 1
    assert {row["row"]: row["near_duplicate_of"] for row in rows}["21"] == "4"
    abstained = [row["status"] == "abstained" for row in rows]
    assert abstained == sorted(abstained, reverse=True)
    assert told["coverage"] == 1 - sum(abstained) / 22
    formula = next(row for row in rows if row["row"] == "20")
    assert (formula["text"], formula["id"]) == ("'=1+1", "'@x")
    xite.succeed("review", "in.jsonl", "out.parquet", "--order", "contradiction")


def test_export(xite: Command) -> None:
    xite.succeed("augment", "in.jsonl", "augmented.parquet", "--n", 2)
    for form, name in (("label-studio", "t.json"), ("argilla", "r.json"), ("doccano", "l.jsonl"), ("table", "t.csv")):
        assert xite.succeed("export", "augmented.parquet", name, "--for", form) == "20 texts\n"
    xite.succeed("export", "augmented.parquet", "tasks.json", "--for", "label-studio", "--question", "mood")
    task = json.loads((xite.folder / "tasks.json").read_text("utf8"))[0]
    assert task["predictions"][0]["result"][0]["from_name"] == "mood"


def test_refusals(xite: Command) -> None:
    assert "uncertainty" in xite.refuse("review", "in.jsonl", "out.csv", "--order", "random")
    assert "overwrite" in xite.refuse("review", "in.jsonl", "in.jsonl")
    assert "min_confidence" in xite.refuse("review", "in.jsonl", "out.csv", "--min-confidence", 2)
    assert "label-studio" in xite.refuse("export", "in.jsonl", "out.json", "--for", "excel")
    assert "line 1" in xite.refuse("export", "in.jsonl", "out.json", "--for", "argilla")
