"""The examples that need no other server, as a reader runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.bundles import ROOT
from tests.support.service import NAME, Service
from xite_core.demo import demo_file

KOREAN = demo_file("reviews", "ko")


def run(service: Service, script: str, *arguments: object) -> str:
    command = [sys.executable, f"examples/{script}.py", *map(str, arguments), "--xite", service.url]
    done = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_argilla_records(service: Service, tmp_path: Path) -> None:
    told = run(service, "argilla_records", KOREAN, tmp_path / "records.json", "--min-confidence", 0.9)
    records = json.loads((tmp_path / "records.json").read_text("utf8"))
    suggested = [record for record in records if record["suggestions"]]
    assert told.startswith(f"{len(suggested)} of 50")
    for record in suggested:
        suggestion = record["suggestions"]["label"]
        assert suggestion["value"] in ("positive", "negative")
        assert suggestion["score"] >= 0.9
        assert suggestion["agent"] == f"xite/{NAME}@{service.store.resolve(NAME).name}"


def test_doccano_labels(service: Service, tmp_path: Path) -> None:
    told = run(service, "doccano_labels", KOREAN, tmp_path / "labeled.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "labeled.jsonl").read_text("utf8").splitlines()]
    assert len(lines) == 50
    assert told.startswith(f"{sum(bool(line['label']) for line in lines)} of 50")


def test_review_texts(service: Service) -> None:
    told = run(service, "review_texts", KOREAN)
    assert "from 0.50: 100% of the texts" in told
    assert "near-duplicates" in told
