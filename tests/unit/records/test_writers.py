"""Writing what an augmentation made."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xite_core.errors import InputError, StorageError
from xite_core.records.readers import read_examples
from xite_core.records.rows import AUGMENTED, augmented_batch
from xite_core.records.writers import check_target, write_batches
from xite_core.types import (
    AbstentionReason,
    AugmentedText,
    Example,
    Match,
    Neighbor,
    Status,
    SubspaceKind,
    SyntheticEmbedding,
)

NEIGHBORS = (
    Neighbor("en-1", "fine film", None, "pos", 0.5, 0.75),
    Neighbor("en-2", "=dull", "and a pair", "neg", 0.25, 0.5),
)


def text(draws: int, partner: int = 1) -> AugmentedText:
    reason = None if draws else AbstentionReason.MIN_SCORE
    match = Match(
        Status.MATCHED if draws else Status.ABSTAINED,
        reason,
        NEIGHBORS[partner].label if draws else None,
        0.5,
        NEIGHBORS[partner].score,
        NEIGHBORS[partner].cosine,
        "ko",
        NEIGHBORS,
        partner,
    )
    embeddings = tuple(
        SyntheticEmbedding(np.array([draw, 0.1, -1], np.float32), 0.25, SubspaceKind.RICH, "en-2", 2**63 - 1)
        for draw in range(draws)
    )
    return AugmentedText(Example('=좋아요, "네"\r\n끝', None, None, "t1", "ko"), match, embeddings, 9, draws == 1)


@pytest.fixture
def batch() -> pa.RecordBatch:
    return augmented_batch([text(2), text(0), text(1, partner=0)], "demo", "r1", neighbors=True)


def test_one_row_a_draw_and_one_for_an_abstained_text(batch: pa.RecordBatch) -> None:
    rows = batch.to_pylist()
    assert batch.schema.equals(AUGMENTED)
    assert [(row["status"], row["draw"], row["vector"] is None) for row in rows] == [
        ("matched", 0, False),
        ("matched", 1, False),
        ("abstained", None, True),
        ("matched", 0, False),
    ]
    assert rows[1]["vector"] == np.array([1, 0.1, -1], np.float32).tolist()
    assert rows[0]["source_id"] == "en-2"
    assert (rows[0]["source_text_pair"], rows[0]["source_label"], rows[0]["label"]) == ("and a pair", "neg", "neg")
    assert rows[3]["source_text"] == "fine film"
    assert rows[0]["seed"] == 2**63 - 1
    assert (rows[2]["label"], rows[2]["reason"], rows[2]["lam"]) == (None, "below_min_score", None)
    assert [neighbor["id"] for neighbor in rows[2]["neighbors"]] == ["en-1", "en-2"]
    assert {(row["bundle"], row["revision"], row["n_tokens"]) for row in rows} == {("demo", "r1", 9)}


def test_neighbors_only_where_wanted() -> None:
    assert augmented_batch([text(1)], "demo", "r1")["neighbors"].to_pylist() == [None]


def test_only_abstained_texts_and_no_texts() -> None:
    assert augmented_batch([text(0)], "demo", "r1")["vector"].to_pylist() == [None]
    assert augmented_batch([], "demo", "r1").num_rows == 0


def test_parquet(tmp_path: Path, batch: pa.RecordBatch) -> None:
    write_batches(tmp_path / "out.parquet", AUGMENTED, [batch, batch])
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == 2 * batch.to_pylist()
    assert pq.read_metadata(tmp_path / "out.parquet").row_group(0).column(0).compression == "ZSTD"


def test_jsonl(tmp_path: Path, batch: pa.RecordBatch) -> None:
    write_batches(tmp_path / "out.jsonl", AUGMENTED, [batch])
    lines = (tmp_path / "out.jsonl").read_text("utf8").splitlines()
    assert [json.loads(line) for line in lines] == batch.to_pylist()


def test_json_has_no_nan(tmp_path: Path) -> None:
    table = pa.record_batch({"a": pa.array([math.nan, 1.0]), "b": [[math.inf, 2.0], None]})
    write_batches(tmp_path / "out.jsonl", table.schema, [table])
    assert (tmp_path / "out.jsonl").read_text() == '{"a": null, "b": [null, 2.0]}\n{"a": 1.0, "b": null}\n'


def test_csv_defuses_formulas_and_keeps_numbers(tmp_path: Path, batch: pa.RecordBatch) -> None:
    write_batches(tmp_path / "out.csv", AUGMENTED, [batch])
    with (tmp_path / "out.csv").open(newline="", encoding="utf8") as handle:
        rows = list(csv.DictReader(handle))
    assert rows[0]["text"] == '\'=좋아요, "네"\r\n끝'
    assert rows[0]["source_text"] == "'=dull"
    assert json.loads(rows[0]["neighbors"])[1]["text"] == "=dull"
    assert json.loads(rows[1]["vector"])[2] == -1
    assert (rows[2]["vector"], rows[2]["label"], rows[2]["score"]) == ("", "", "0.25")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_every_start_of_a_formula(tmp_path: Path, start: str) -> None:
    batch = pa.record_batch({"text": [start + "1"], "number": [-1.5]})
    write_batches(tmp_path / "out.csv", batch.schema, [batch])
    with (tmp_path / "out.csv").open(newline="") as handle:
        assert list(csv.reader(handle))[1] == ["'" + start + "1", "-1.5"]


def test_a_dataset_directory_is_read_by_datasets(tmp_path: Path, batch: pa.RecordBatch) -> None:
    datasets = pytest.importorskip("datasets")
    write_batches(tmp_path / "out", AUGMENTED, [batch, batch])
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert found.column_names == AUGMENTED.names
    assert found.to_list() == 2 * batch.to_pylist()
    assert found.filter(lambda row: row["status"] == "abstained").num_rows == 2
    again = tmp_path / "again"
    found.select([3, 0]).select_columns(["text", "label", "id", "lang"]).flatten_indices().save_to_disk(str(again))
    examples = [example for chunk in read_examples(again, labeled=True) for example in chunk]
    assert [example.label for example in examples] == ["pos", "neg"]


def test_what_datasets_saves_is_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(text=datasets.Value("string"), label=datasets.ClassLabel(names=["bad", "good"]))
    data = datasets.Dataset.from_dict({"text": [f"t{i}" for i in range(2500)], "label": [0, 1] * 1250}, features)
    datasets.DatasetDict(train=data).save_to_disk(str(tmp_path / "d"))
    examples = [example for chunk in read_examples(tmp_path / "d", labeled=True) for example in chunk]
    assert len(examples) == 2500
    assert examples[-1] == Example("t2499", label="good")


@pytest.mark.parametrize("name", ["out.parquet", "out.jsonl", "out.csv", "out"])
def test_every_format_reads_back(tmp_path: Path, name: str, batch: pa.RecordBatch) -> None:
    matched = batch.filter(pa.array([True, False, False, True]))
    write_batches(tmp_path / name, AUGMENTED, [matched])
    examples = [example for chunk in read_examples(tmp_path / name, labeled=True) for example in chunk]
    assert [(example.label, example.lang) for example in examples] == [("neg", "ko"), ("pos", "ko")]


@pytest.mark.parametrize("name", ["out.parquet", "out.jsonl", "out.csv", "out"])
def test_an_error_halfway_leaves_nothing(tmp_path: Path, name: str, batch: pa.RecordBatch) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield batch
        raise InputError("the input ended")

    with pytest.raises(InputError, match="the input ended"):
        write_batches(tmp_path / name, AUGMENTED, batches())
    assert list(tmp_path.iterdir()) == []


def test_targets_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown format '\.xlsx'; expected \.parquet"):
        check_target(tmp_path / "out.xlsx")
    with pytest.raises(InputError, match=r"folder .* does not exist"):
        check_target(tmp_path / "no" / "out.csv")
    (tmp_path / "out").mkdir()
    with pytest.raises(StorageError, match="directory of that name exists"):
        check_target(tmp_path / "out")
