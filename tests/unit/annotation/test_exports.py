"""Augmented files in the formats of annotation tools."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from app.annotation.exports.formats import label_studio_configuration
from app.annotation.exports.reading import augmented_rows
from app.annotation.exports.writing import Kind, export_file
from app.annotation.label_studio.configuration import labeling_of
from tests.support.bundles import demo_rows, unlabeled
from xite_core.augmenter import Augmenter
from xite_core.errors import InputError, RowError
from xite_core.records.readers import read_examples
from xite_core.records.rows import AUGMENTED, augmented_batch
from xite_core.records.writers import write_batches
from xite_core.types import Example

TEXTS = 12


@pytest.fixture(scope="module")
def augmented(augmenter: Augmenter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of texts, two draws each, some abstained; one text is what a spreadsheet would run."""
    rows = unlabeled(demo_rows("reviews", "ko", TEXTS))
    rows[0] = Example('=HYPERLINK("http://example.com")', id="+1")
    options = augmenter.bundle.options.replaced({"n": 2, "min_confidence": 0.75})
    made = augmenter.augment(rows, options)
    assert {text.match.label is None for text in made.texts} == {True, False}
    path = tmp_path_factory.mktemp("augmented") / "augmented.parquet"
    write_batches(path, AUGMENTED, [augmented_batch(made.texts, "small", "r1")])
    return path


def exported(source: Path, target: Path, kind: Kind) -> Any:
    assert export_file(source, target, kind) == TEXTS
    content = target.read_text("utf8")
    return [json.loads(line) for line in content.splitlines()] if target.suffix == ".jsonl" else json.loads(content)


def test_every_form_of_an_augmented_file_reads_the_same(augmented: Path, tmp_path: Path) -> None:
    rows = list(augmented_rows(augmented))
    table = pq.read_table(augmented)
    for name in ("rows.jsonl", "dataset"):
        write_batches(tmp_path / name, AUGMENTED, table.to_batches())
        assert [row["text"] for row in augmented_rows(tmp_path / name)] == [row["text"] for row in rows]
    assert len(rows) == TEXTS


def test_label_studio_tasks(augmented: Path, tmp_path: Path) -> None:
    tasks = exported(augmented, tmp_path / "tasks.json", Kind.LABEL_STUDIO)
    labeling = labeling_of(label_studio_configuration(("negative", "positive")), ("negative", "positive"), pairs=False)
    for task, row in zip(tasks, augmented_rows(augmented), strict=True):
        (prediction,) = task["predictions"]
        assert task["data"]["text"] == row["text"]
        assert prediction["model_version"] == "r1"
        if row["label"] is None:
            assert (prediction["result"], prediction["score"]) == ([], 0.0)
        else:
            (region,) = prediction["result"]
            assert (region["from_name"], region["to_name"]) == (labeling.control.name, labeling.texts[0].name)
            assert labeling.control.choice_in(region["value"]) == row["label"]


def test_argilla_records(augmented: Path, tmp_path: Path) -> None:
    records = exported(augmented, tmp_path / "records.json", Kind.ARGILLA)
    for record, row in zip(records, augmented_rows(augmented), strict=True):
        assert record["fields"] == {"text": row["text"]}
        wanted = {"value": row["label"], "score": row["confidence"], "agent": "xite/small@r1"}
        assert record["suggestions"] == ({"label": wanted} if row["label"] else {})


def test_doccano_lines(augmented: Path, tmp_path: Path) -> None:
    lines = exported(augmented, tmp_path / "lines.jsonl", Kind.DOCCANO)
    for line, row in zip(lines, augmented_rows(augmented), strict=True):
        assert (line["text"], line["label"]) == (row["text"], [row["label"]] if row["label"] else [])
    assert len({tuple(line) for line in lines}) == 1, "doccano cannot store a line that lacks a name that others have"


def test_a_table_is_safe_in_a_spreadsheet_and_can_be_read_again(augmented: Path, tmp_path: Path) -> None:
    for name in ("table.csv", "table.parquet", "dataset"):
        assert export_file(augmented, tmp_path / name, Kind.TABLE) == TEXTS
    with (tmp_path / "table.csv").open(encoding="utf8", newline="") as handle:
        first = next(csv.DictReader(handle))
    assert first["text"].startswith("'=")
    assert first["id"] == "'+1"
    for name in ("table.parquet", "dataset"):
        (rows,) = read_examples(tmp_path / name, labeled=False)
        assert [row.text for row in rows] == [row["text"] for row in augmented_rows(augmented)]


def test_an_empty_file_gives_an_empty_list(tmp_path: Path) -> None:
    write_batches(tmp_path / "none.parquet", AUGMENTED, [])
    assert export_file(tmp_path / "none.parquet", tmp_path / "none.json", Kind.ARGILLA) == 0
    assert json.loads((tmp_path / "none.json").read_text()) == []


def test_what_cannot_be_exported_is_told(augmented: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.json"):
        export_file(augmented, tmp_path / "tasks.csv", Kind.LABEL_STUDIO)
    with pytest.raises(InputError, match="no such file"):
        export_file(tmp_path / "missing.parquet", tmp_path / "tasks.json", Kind.LABEL_STUDIO)
    with pytest.raises(InputError, match="overwrite"):
        export_file(augmented, augmented, Kind.TABLE)
    pq.write_table(pq.read_table(augmented).select(["text"]), tmp_path / "other.parquet")
    with pytest.raises(InputError, match="lacks the column"):
        export_file(tmp_path / "other.parquet", tmp_path / "tasks.json", Kind.LABEL_STUDIO)
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(RowError, match="line 1"):
        export_file(tmp_path / "bad.jsonl", tmp_path / "tasks.json", Kind.LABEL_STUDIO)
    assert not (tmp_path / "tasks.json").exists()


def test_a_configuration_quotes_its_labels() -> None:
    root = ElementTree.fromstring(label_studio_configuration(['a"<b', "c"], pairs=True))
    assert [choice.get("value") for choice in root.iter("Choice")] == ['a"<b', "c"]
    assert len(list(root.iter("Text"))) == 2


def test_pairs_keep_both_texts(augmented: Path, tmp_path: Path) -> None:
    row = dict(next(iter(augmented_rows(augmented))), text_pair="other", draw=0)
    (tmp_path / "pairs.jsonl").write_text(json.dumps(row) + "\n", "utf8")
    export_file(tmp_path / "pairs.jsonl", tmp_path / "pairs.json", Kind.LABEL_STUDIO)
    assert json.loads((tmp_path / "pairs.json").read_text())[0]["data"]["text_pair"] == "other"
    export_file(tmp_path / "pairs.jsonl", tmp_path / "lines.jsonl", Kind.DOCCANO)
    assert json.loads((tmp_path / "lines.jsonl").read_text())["text"].endswith("\n\nother")
