"""A dataset is there whole or not at all, and says what was left out."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.datasets import intake as intake_module
from app.datasets.intake import Limits, Upload
from app.datasets.store import FORGOTTEN_AFTER, RECORD, ROWS, DatasetStore, new_id
from app.errors import DatasetDamagedError, DatasetNotFoundError, DatasetRefusedError
from xite_core.errors import StorageError
from xite_core.types import Example

LABELED = (
    '{"text": "good", "label": "p"}\n{"text": "bad", "label": "n", "lang": "ko"}\n{"text": "fine", "label": "p"}\n'
)


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    return DatasetStore(tmp_path / "home")


def write(folder: Path, content: str | bytes, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(store: DatasetStore, path: Path, upload: Upload | None = None, limits: Limits | None = None) -> str:
    """Add what has to be refused; gives the reason, and checks that nothing is left."""
    before = sorted(store.root.iterdir()) if store.root.exists() else []
    with pytest.raises(DatasetRefusedError) as told:
        store.add(path, upload or Upload("x"), limits)
    assert sorted(store.root.iterdir()) == before
    return told.value.problem


def test_the_record_says_what_there_is(store: DatasetStore, tmp_path: Path) -> None:
    path = write(tmp_path, LABELED)
    record = store.add(path, Upload("reviews", lang="en"))
    assert (record.name, record.bytes, record.rows) == ("reviews", len(LABELED), 3)
    assert record.labels == {"p": 2, "n": 1}
    assert record.languages == {"en": 2, "ko": 1}
    assert (record.labeled, record.pairs, record.bad_rows.count) == (True, False, 0)
    assert abs(record.created_at - time.time()) < 60
    assert store.get(record.id) == record
    assert [(row.text, row.label, row.lang) for row in store.rows(record.id)] == [
        ("good", "p", "en"), ("bad", "n", "ko"), ("fine", "p", "en"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_other_formats_and_column_names(store: DatasetStore, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("csv"):
        path.write_text('review,stars\n"good, really",5\nbad,1\n', "utf8")
    else:
        pq.write_table(pa.table({"review": ["good, really", "bad"], "stars": [5, 1], "more": [[1], []]}), path)
    record = store.add(path, Upload("x", columns={"text": "review", "label": "stars"}))
    assert record.labels == {"1": 1, "5": 1}
    assert [row.text for row in store.rows(record.id)] == ["good, really", "bad"]


def test_bad_rows_are_left_out_with_their_lines(store: DatasetStore, tmp_path: Path) -> None:
    lines = [b'{"text": "a", "label": "p"}', b"{", b'{"text": "b\xff"}', b'{"text": " ", "label": "p"}',
             b'{"text": "b"}', b'{"text": "c", "text_pair": "d", "label": "p"}', b'{"text": "long", "label": "p"}',
             b'{"text": "b", "label": "q"}']  # fmt: skip
    record = store.add(write(tmp_path, b"\n".join(lines)), Upload("x"), Limits(text_chars=3))
    assert record.rows == 2
    assert [row.number for row in record.bad_rows.listed] == [2, 3, 4, 5, 6, 7]
    told = [row.detail for row in record.bad_rows.listed]
    for detail, words in zip(told, ["JSON", "UTF-8", "empty", "label", "text_pair", "4 characters"], strict=True):
        assert words in detail


@pytest.mark.parametrize(
    ("ids", "repeated"),
    [(["a", "b", "c"], None), (["a", "b", "a"], "a"), ([None, None, "a"], None), ([None, None, None], None)],
)
def test_an_id_of_several_rows_is_told(
    store: DatasetStore, tmp_path: Path, ids: list[str | None], repeated: str | None
) -> None:
    lines = [json.dumps({"text": f"text {i}", "id": name}) for i, name in enumerate(ids)]
    record = store.add(write(tmp_path, "\n".join(lines)), Upload("x"))
    assert record.repeated_id == store.get(record.id).repeated_id == repeated
    assert record.rows == 3


def test_records_of_other_versions_are_read(store: DatasetStore, tmp_path: Path) -> None:
    record = store.add(write(tmp_path, LABELED), Upload("x"))
    path = store.root / record.id / RECORD
    values = json.loads(path.read_text("utf8"))
    assert "repeated_id" not in values, "earlier versions know no such field"
    path.write_text(json.dumps({**values, "of_a_later_version": 3}), "utf8")
    assert store.get(record.id) == record


def test_rows_of_tables_are_named_as_rows(store: DatasetStore, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": ["a", None, "c"], "id": ["x" * 600, "y", "z"]}), path)
    record = store.add(path, Upload("x"))
    assert [(row.unit, row.number) for row in record.bad_rows.listed] == [("row", 1), ("row", 2)]
    assert record.as_dict()["bad_rows"]["listed"][1]["row"] == 2


def test_only_the_first_bad_rows_are_listed(store: DatasetStore, tmp_path: Path) -> None:
    record = store.add(write(tmp_path, "x\n" * 40 + '{"text": "a"}'), Upload("x"), Limits(listed=5))
    assert (record.bad_rows.count, len(record.bad_rows.listed)) == (40, 5)


@pytest.mark.parametrize(("kind", "labeled", "rows"), [(None, True, 1), ("labeled", True, 1), ("unlabeled", False, 2)])
def test_the_kind_decides_what_a_missing_label_means(
    store: DatasetStore, tmp_path: Path, kind: intake_module.Kind | None, labeled: bool, rows: int
) -> None:
    record = store.add(write(tmp_path, '{"text": "a"}\n{"text": "b", "label": "p"}\n'), Upload("x", kind=kind))
    assert (record.labeled, record.rows, record.bad_rows.count) == (labeled, rows, 2 - rows)
    assert all((row.label is not None) == labeled for row in store.rows(record.id))


def test_texts_without_labels_are_unlabeled(store: DatasetStore, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "label": pa.nulls(2, pa.string())}), path)
    assert not store.add(path, Upload("x")).labeled


def test_a_file_without_a_good_row_leaves_nothing(store: DatasetStore, tmp_path: Path) -> None:
    path = write(tmp_path, '{"text": ""}\nx\n')
    with pytest.raises(DatasetRefusedError, match="no row") as told:
        store.add(path, Upload("x"))
    assert [row["line"] for row in told.value.rows] == [1, 2]
    assert list(store.root.iterdir()) == []


def test_what_is_too_much_is_refused(store: DatasetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "MAX_NAMES", 3)
    rows = write(tmp_path, "".join(json.dumps({"text": f"text {i}", "label": str(i)}) + "\n" for i in range(5)))
    assert "3 rows" in refused(store, rows, limits=Limits(rows=3))
    assert "characters" in refused(store, rows, limits=Limits(bytes=5))
    assert "'label'" in refused(store, rows)
    assert "no rows" in refused(store, write(tmp_path, ""))
    assert "'words'" in refused(store, write(tmp_path, "text\na\n", "x.csv"), Upload("x", columns={"text": "words"}))


def test_a_refusal_names_no_path(store: DatasetStore, tmp_path: Path) -> None:
    for name in ("x.jsonl", "x.csv", "x.parquet"):
        assert str(tmp_path) not in refused(store, write(tmp_path, "\n", name))


def test_pages_from_new_to_old(store: DatasetStore, tmp_path: Path) -> None:
    path = write(tmp_path, LABELED)
    ids = [store.add(path, Upload(str(i)), dataset_id=f"ds_{i:023x}").id for i in range(5)]
    first = store.list(limit=2)
    assert ([record.id for record in first.records], first.has_more) == (ids[:2:-1], True)
    store.delete(ids[3])
    rest = store.list(after=ids[3], limit=3)
    assert ([record.id for record in rest.records], rest.has_more) == (ids[2::-1], False)
    assert DatasetStore(tmp_path / "nowhere").list() == ([], False)


def test_later_ids_sort_later() -> None:
    first = new_id()
    time.sleep(0.002)
    assert new_id() > first


def test_deleting(store: DatasetStore, tmp_path: Path) -> None:
    record = store.add(write(tmp_path, LABELED), Upload("x"))
    store.delete(record.id)
    assert list(store.root.iterdir()) == []
    for call in (store.get, store.rows, store.delete):
        with pytest.raises(DatasetNotFoundError, match=record.id):
            call(record.id)


@pytest.mark.parametrize(
    "name", ["", "..", "ds_../../x", "ds_1", "/etc/passwd", "ds_" + "0" * 23 + "\n", "ds_" + "A" * 23]
)
def test_an_id_is_never_a_path(store: DatasetStore, name: str) -> None:
    for call in (store.get, store.rows, store.delete):
        with pytest.raises(DatasetNotFoundError):
            call(name)


@pytest.mark.parametrize("file", [ROWS, RECORD])
def test_damage_is_noticed(store: DatasetStore, tmp_path: Path, file: str) -> None:
    record = store.add(write(tmp_path, LABELED), Upload("x"))
    (store.root / record.id / file).write_bytes(b"{}")
    with pytest.raises(DatasetDamagedError, match=record.id):
        store.rows(record.id)


def test_what_a_killed_process_left_is_swept_after_a_day(store: DatasetStore, tmp_path: Path) -> None:
    kept = store.add(write(tmp_path, LABELED), Upload("x"))
    for age, name in ((0.0, "new"), (FORGOTTEN_AFTER + 60, "old")):
        folder, file = store.root / f".ds_{name}.abc.tmp", store.root / f".upload-{name}.tmp.jsonl"
        folder.mkdir()
        (folder / "rows").touch()
        file.touch()
        for path in (folder, file):
            os.utime(path, (time.time() - age,) * 2)
    store.sweep()
    assert sorted(path.name for path in store.root.iterdir()) == [".ds_new.abc.tmp", ".upload-new.tmp.jsonl", kept.id]


def test_a_full_disk(small_disk: Callable[[str], AbstractContextManager[Path]], tmp_path: Path) -> None:
    rows = "".join(json.dumps({"text": os.urandom(600).hex()}) + "\n" for _ in range(2000))
    path = write(tmp_path, rows)
    with small_disk("1m") as disk:
        with pytest.raises(StorageError):
            DatasetStore(disk).add(path, Upload("x"))
        assert list((disk / "datasets").iterdir()) == []


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
VISIBLE = TEXT.filter(lambda text: bool(text.strip()))
GOOD = st.builds(Example, VISIBLE, st.none(), VISIBLE.map(str.strip), st.none(), st.none())
BAD = st.sampled_from([b"{", b"[]", b'{"text": ""}', b'{"text": "a\xff"}', b'{"text": 1, "label": "p"}', b"nonsense"])


@hypothesis_settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.one_of(GOOD, BAD), min_size=1, max_size=12))
def test_good_rows_are_kept_and_bad_ones_named(
    rows: list[Example | bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("property")
    lines = [
        row if isinstance(row, bytes) else json.dumps({"text": row.text, "label": row.label}).encode() for row in rows
    ]
    path, store = write(folder, b"\n".join(lines)), DatasetStore(folder)
    good = [row for row in rows if isinstance(row, Example)]
    bad = [number for number, row in enumerate(rows, start=1) if isinstance(row, bytes)]
    if not good:
        assert "no row" in refused(store, path)
        return
    record = store.add(path, Upload("x", kind="labeled"))
    assert store.rows(record.id) == good
    assert [row.number for row in record.bad_rows.listed] == bad
    assert sum(record.labels.values()) == record.rows == len(good)
