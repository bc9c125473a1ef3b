"""Reading examples: every format, and every way in which a file can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.rows import csv_file, read
from xite_core.errors import InputError, RowError
from xite_core.records import text_files
from xite_core.records.bad_rows import BadRows
from xite_core.records.readers import count_rows, find_problems, read_examples
from xite_core.types import Example

ROWS = [
    {"text": "good", "label": "pos", "id": "a", "lang": "en"},
    {"text": "좋아요\n두 줄", "label": "pos", "text_pair": '네, "정말"', "id": "b", "lang": "ko"},
    {"text": " سيئ ", "label": "neg", "id": "c", "lang": "ar"},
]
EXAMPLES = [Example(row["text"], row.get("text_pair"), row["label"], row["id"], row["lang"]) for row in ROWS]


def jsonl(folder: Path, content: str | bytes) -> Path:
    path = folder / "rows.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet(folder: Path, columns: dict[str, object]) -> Path:
    path = folder / "rows.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def dataset(folder: Path, table: pa.Table, features: dict[str, object] | None = None, pieces: int = 1) -> Path:
    """A directory as ``datasets`` writes it, made by hand."""
    folder.mkdir(parents=True)
    names = [f"data-{i:05d}-of-{pieces:05d}.arrow" for i in range(pieces)]
    size = -(-len(table) // pieces)
    for i, name in enumerate(names):
        with pa.ipc.new_stream(str(folder / name), table.schema) as writer:
            writer.write_table(table.slice(i * size, size))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features or {}}))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return folder


def columns_of(rows: list[dict[str, str]]) -> dict[str, list[str | None]]:
    return {name: [row.get(name) for row in rows] for name in ("text", "text_pair", "label", "id", "lang")}


WRITE: dict[str, Callable[[Path], Path]] = {
    "jsonl": lambda folder: jsonl(folder, "\n".join(json.dumps(row) for row in ROWS)),
    "csv": lambda folder: csv_file(
        folder,
        "text,label,id,lang,text_pair\r\ngood,pos,a,en,\r\n"
        '"좋아요\n두 줄",pos,b,ko,"네, ""정말"""\r\n سيئ ,neg,c,ar,\r\n',
    ),
    "parquet": lambda folder: parquet(folder, columns_of(ROWS)),
    "dataset": lambda folder: dataset(folder / "d", pa.table(columns_of(ROWS)), pieces=2),
}


@pytest.fixture(params=WRITE)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return WRITE[request.param](tmp_path)


def test_every_format_gives_the_same_examples(file: Path) -> None:
    assert read(file) == EXAMPLES


def test_chunks(file: Path) -> None:
    assert [len(chunk) for chunk in read_examples(file, labeled=True, chunk=2)] == [2, 1]


def test_labels_are_ignored_where_none_are_wanted(file: Path) -> None:
    assert {example.label for example in read(file, labeled=False)} == {None}
    assert [example.text for example in read(file, labeled=False)] == [row["text"] for row in ROWS]


def test_columns_by_other_names(file: Path) -> None:
    got = read(file, columns={"text": "id", "id": "text"}, labeled=False)
    assert [(example.text, example.id) for example in got] == [(row["id"], row["text"]) for row in ROWS]


def test_a_language_for_rows_that_state_none(tmp_path: Path) -> None:
    path = jsonl(tmp_path, '{"text": "a"}\n{"text": "b", "lang": "ko"}\n')
    assert [example.lang for example in read(path, labeled=False, lang="ur")] == ["ur", "ko"]


def test_a_missing_column_names_those_found(file: Path) -> None:
    with pytest.raises(InputError, match=r"no ?(column)? 'review'; found .*'text'"):
        read(file, columns={"text": "review"})
    with pytest.raises(InputError, match=r"no ?(column)? 'stars'; found .*'label'"):
        read(file, columns={"label": "stars"})
    assert len(read(file, columns={"label": "stars"}, labeled=False)) == 3


def test_an_unknown_field_to_name(file: Path) -> None:
    with pytest.raises(InputError, match=r"'body'.*there are text"):
        read(file, columns={"body": "text"})


def test_no_problems_in_good_files(file: Path) -> None:
    assert find_problems(file, labeled=True) == []


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "JSONL", "csv", "parquet"])
def test_a_file_that_is_not_there(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputError, match=r"rows\..*no such file"):
        read(tmp_path / f"rows.{suffix}")


def test_a_suffix_that_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "rows.tsv").write_text("text\nx\n")
    with pytest.raises(InputError, match=r"unknown format '\.tsv'; expected \.jsonl, .*\.parquet"):
        read(tmp_path / "rows.tsv")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name.replace(".", r"\.") + r": (no|not)"):
        read(tmp_path / name)


def test_tables_without_rows(tmp_path: Path) -> None:
    empty = {"text": pa.array([], pa.string()), "label": pa.array([], pa.string())}
    for path in (
        parquet(tmp_path, empty),
        csv_file(tmp_path, "text,label\n"),
        dataset(tmp_path / "d", pa.table(empty)),
    ):
        with pytest.raises(InputError, match="no rows"):
            read(path)


LINE_17 = '{"text": "x", "label": "y"}\n' * 16

BAD_JSON = {
    '{"text": "x", "label": ': "broken JSON",
    "{'text': 'x'}": "broken JSON",
    '["text"]': "not an object",
    "null": "not an object",
    '{"text": "x", "label": NaN}': "NaN is not JSON",
    '{"text": "x", "label": -Infinity}': "-Infinity is not JSON",
    "[" * 100_000: "broken JSON",
    '{"text": "x", "label": ' + "9" * 5000 + "}": "broken JSON",
    '{"label": "y"}': "no 'text'; found 'label'",
    "{}": "no 'text'; found nothing",
    '{"text": "", "label": "y"}': "'text' is empty",
    '{"text": " \\t\\u00a0\\n", "label": "y"}': "'text' is empty",
    '{"text": null, "label": "y"}': "'text' is missing",
    '{"text": 5, "label": "y"}': "'text' is a number, expected a string",
    '{"text": ["x"], "label": "y"}': "'text' is a list",
    '{"text": "a\\u0000b", "label": "y"}': "'text' holds a NUL",
    '{"text": "a\\ud800b", "label": "y"}': "half a surrogate",
    '{"text": "a", "text_pair": " ", "label": "y"}': "'text_pair' is empty",
    '{"text": "a", "text_pair": 3, "label": "y"}': "'text_pair' is a number",
    '{"text": "x"}': "no 'label'; found 'text'",
    '{"text": "x", "label": null}': "'label' is missing",
    '{"text": "x", "label": ""}': "'label' is empty",
    '{"text": "x", "label": "  "}': "'label' is empty",
    '{"text": "x", "label": {"a": 1}}': "'label' is an object",
    '{"text": "x", "label": true}': "'label' is true or false",
    '{"text": "x", "label": "\\udfff"}': "half a surrogate",
    '{"text": "x", "label": 1e999}': "'label' is not a finite number",
    '{"text": "x", "label": "y", "id": 1.5}': "'id' is a number",
    '{"text": "x", "label": "y", "lang": 7}': "'lang' is a number",
}


@pytest.mark.parametrize("line", BAD_JSON, ids=[f"{problem} {i}" for i, problem in enumerate(BAD_JSON.values())])
def test_a_bad_line_17(tmp_path: Path, line: str) -> None:
    path = jsonl(tmp_path, LINE_17 + line + "\n" + LINE_17)
    with pytest.raises(RowError, match=r"^rows\.jsonl, line 17: ") as caught:
        read(path)
    assert BAD_JSON[line] in str(caught.value)
    assert (caught.value.row, caught.value.unit) == (17, "line")
    assert [problem.row for problem in find_problems(path, labeled=True)] == [17]


@pytest.mark.parametrize("make", [jsonl, csv_file])
@pytest.mark.parametrize("bad", [b"caf\xe9", b"a\0b", b"\xff\xfe"])
def test_bytes_that_are_no_text_name_the_line(tmp_path: Path, make: Callable[[Path, bytes], Path], bad: bytes) -> None:
    good, header = (b'{"text": "x"}', b"") if make is jsonl else (b"x", b"text\n")
    path = make(tmp_path, header + good + b"\n\n" + good.replace(b"x", bad) + b"\n" + good + b"\n")
    line = 3 + header.count(b"\n")
    with pytest.raises(RowError, match=f"line {line}: (not valid UTF-8|holds a NUL)"):
        read(path, labeled=False)
    assert [problem.row for problem in find_problems(path, labeled=False)] == [line]


@pytest.mark.parametrize("name", list(WRITE)[:2])
def test_a_byte_order_mark_is_fine(tmp_path: Path, name: str) -> None:
    path = WRITE[name](tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(path) == EXAMPLES


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "MAX_LINE", 100)
    path = jsonl(tmp_path, '{"text": "x"}\n{"text": "' + "y" * 1000)
    with pytest.raises(RowError, match="line 2: longer than 100 bytes"):
        read(path, labeled=False)
    assert len(find_problems(path, labeled=False)) == 1
    path.write_text(path.read_text("utf8") + '"}\n{"text": "z"}\n', "utf8")
    left_out = BadRows()
    assert [row.text for row in read(path, labeled=False, bad_rows=left_out)] == ["x", "z"]
    assert left_out.count == 1


def test_labels_and_ids_that_are_numbers(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path, "".join(f'{{"text": "x", "label": {label}, "id": 7}}\n' for label in ("0", "1.0", "0.5", '" a "'))
    )
    assert [example.label for example in read(path)] == ["0", "1", "0.5", "a"]
    assert {example.id for example in read(path)} == {"7"}
    path = parquet(
        tmp_path, {"text": ["x", "y"], "label": pa.array([1.0, 0.0]), "id": [1, 2], "text_pair": pa.nulls(2)}
    )
    assert read(path) == [Example("x", None, "1", "1"), Example("y", None, "0", "2")]


def test_half_a_parquet_file(tmp_path: Path) -> None:
    path = parquet(tmp_path, columns_of(ROWS))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"rows\.parquet: not a whole Parquet file"):
        read(path)
    assert count_rows(path) is None


def test_a_parquet_file_damaged_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(
        pa.table({"text": [f"text {i}" for i in range(5000)]}), path, row_group_size=1000, use_dictionary=False
    )
    content = bytearray(path.read_bytes())
    middle = pq.read_metadata(path).row_group(2).column(0).data_page_offset
    content[middle : middle + 200] = b"\xff" * 200
    path.write_bytes(content)
    with pytest.raises(InputError, match="after row 1024"):
        read(path, labeled=False)


def test_parquet_rows_name_the_row(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"text": ["x", None, "", "y"], "label": ["a", "b", "c", None]})
    problems = find_problems(path, labeled=True)
    assert [(p.row, p.unit, p.problem.split(",")[0]) for p in problems] == [
        (2, "row", "'text' is missing"),
        (3, "row", "'text' is empty"),
        (4, "row", "'label' is missing"),
    ]
    with pytest.raises(RowError, match=r"rows\.parquet, row 1: 'text' is a number, expected a string"):
        read(parquet(tmp_path, {"text": [1, 2]}), labeled=False)


def test_parquet_text_that_is_not_utf8(tmp_path: Path) -> None:
    text = pa.array([b"fine", b"caf\xe9", b"fine"]).view(pa.string())
    path = parquet(tmp_path, {"text": text})
    assert [str(p) for p in find_problems(path, labeled=False)] == ["rows.parquet, row 2: 'text' is not valid UTF-8"]


def test_parquet_strings_of_every_kind(tmp_path: Path) -> None:
    for kind in (pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.string_view()):
        path = parquet(tmp_path, {"text": pa.array(["a", "b"]).cast(kind), "vector": [[0.1], [0.2]]})
        assert [example.text for example in read(path, labeled=False)] == ["a", "b"]


CLASS_LABEL = {
    "label": {"names": ["bad", "good"], "_type": "ClassLabel"},
    "text": {"dtype": "string", "_type": "Value"},
}


def test_class_numbers_become_names(tmp_path: Path) -> None:
    path = dataset(tmp_path / "d", pa.table({"text": ["x", "y", "z"], "label": [1, 0, -1]}), CLASS_LABEL)
    assert [str(problem) for problem in find_problems(path, labeled=True)] == [
        "d, row 3: 'label' is missing, expected the row's label"
    ]
    path = dataset(tmp_path / "e", pa.table({"text": ["x", "y"], "label": [1, 0]}), CLASS_LABEL)
    assert [example.label for example in read(path)] == ["good", "bad"]
    assert count_rows(path) == 2


def test_a_dataset_with_splits(tmp_path: Path) -> None:
    train = dataset(tmp_path / "d" / "train", pa.table({"text": ["x"]}))
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    assert read(tmp_path / "d", labeled=False) == read(train, labeled=False) == [Example("x")]
    dataset(tmp_path / "d" / "test", pa.table({"text": ["y"]}))
    with pytest.raises(InputError, match=r"holds the splits test, train; name one, such as .*test"):
        read(tmp_path / "d", labeled=False)


def test_a_directory_that_is_no_dataset(tmp_path: Path) -> None:
    for state in (None, "{}", "[]", "nonsense", '{"_data_files": [{}]}'):
        if state is not None:
            (tmp_path / "dataset_info.json").write_text("{}")
            (tmp_path / "state.json").write_text(state)
        with pytest.raises(InputError, match="not a Hugging Face dataset directory; expected"):
            read(tmp_path)
    assert count_rows(tmp_path) is None


def test_a_dataset_with_a_file_missing_or_cut_short(tmp_path: Path) -> None:
    path = dataset(tmp_path / "d", pa.table({"text": [f"text {i}" for i in range(3000)]}), pieces=2)
    last = path / "data-00001-of-00002.arrow"
    last.write_bytes(last.read_bytes()[:300])
    with pytest.raises(InputError, match="not a whole dataset, after row 1500"):
        read(path, labeled=False)
    last.unlink()
    with pytest.raises(InputError, match="not a whole dataset, after row 1500"):
        read(path, labeled=False)


def test_a_dataset_with_selected_rows(tmp_path: Path) -> None:
    path = dataset(tmp_path / "d", pa.table({"text": ["x"]}))
    (path / "state.json").write_text('{"_data_files": [], "_indices_data_files": [{"filename": "i.arrow"}]}')
    with pytest.raises(InputError, match="flatten_indices"):
        read(path, labeled=False)


def test_problems_stop_at_the_limit(tmp_path: Path) -> None:
    path = jsonl(tmp_path, "no\n" * 50)
    assert [problem.row for problem in find_problems(path, labeled=False, limit=3)] == [1, 2, 3]


def test_counts(tmp_path: Path) -> None:
    assert count_rows(WRITE["parquet"](tmp_path)) == 3
    assert count_rows(WRITE["dataset"](tmp_path)) == 3
    assert count_rows(jsonl(tmp_path, '{"text": "x"}\n' * 9)) == 9
    assert count_rows(tmp_path / "nothing.jsonl") is None


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    with pytest.raises(InputError, match=r"loop\.jsonl"):
        read(tmp_path / "loop.jsonl")
