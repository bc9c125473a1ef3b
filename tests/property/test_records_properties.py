"""What is written is what is read, for any text that Unicode allows."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xite_core.errors import InputError
from xite_core.index.examples import ExampleTable, ExampleWriter
from xite_core.languages import SHAPE
from xite_core.records.readers import find_problems, read_examples
from xite_core.records.writers import write_batches
from xite_core.types import Example

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
ODD = st.sampled_from(
    ["\r", "\n", "\r\n", '"', "'", ",", ";", "\\", "\u2028", "\x85", "\x1c", "\ufeff", "\u200f", "👩🏽‍🚀", "اُردُو"]
)
TEXT = st.lists(st.one_of(ODD, st.text(CHARACTERS, max_size=5)), min_size=1, max_size=6).map("".join)
VISIBLE = TEXT.filter(lambda text: bool(text.strip()))
LABEL = VISIBLE.map(str.strip)
OPTIONAL = st.one_of(st.none(), VISIBLE)

LANGUAGE = st.one_of(st.none(), st.from_regex(SHAPE, fullmatch=True))

EXAMPLES = st.lists(st.builds(Example, VISIBLE, OPTIONAL, LABEL, OPTIONAL, LANGUAGE), min_size=1, max_size=5)
SCHEMA = pa.schema([(name, pa.string()) for name in ("text", "text_pair", "label", "id", "lang")])
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def written(folder: str, name: str, examples: list[Example]) -> Path:
    rows = [{field: getattr(example, field) for field in SCHEMA.names} for example in examples]
    write_batches(Path(folder) / name, SCHEMA, [pa.RecordBatch.from_pylist(rows, SCHEMA)])
    return Path(folder) / name


def read(path: Path) -> list[Example]:
    return [example for chunk in read_examples(path, labeled=True, chunk=2) for example in chunk]


def defused(text: str | None) -> str | None:
    return "'" + text if text is not None and text.startswith(FORMULA) else text


@settings(max_examples=60, deadline=None)
@given(examples=EXAMPLES)
@pytest.mark.parametrize("name", ["x.jsonl", "x.parquet", "x"])
def test_round_trip(name: str, examples: list[Example]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert read(written(folder, name, examples)) == examples


@settings(max_examples=60, deadline=None)
@given(examples=EXAMPLES)
def test_csv_round_trip_but_for_formulas(examples: list[Example]) -> None:
    expected = [
        Example(defused(e.text) or "", defused(e.text_pair), defused(e.label), defused(e.id), defused(e.lang))
        for e in examples
    ]
    with tempfile.TemporaryDirectory() as folder:
        assert read(written(folder, "x.csv", examples)) == expected


@settings(max_examples=60, deadline=None)
@given(examples=EXAMPLES)
def test_ascii_json_round_trip(examples: list[Example]) -> None:
    """As ``json.dumps`` writes by default, with surrogate pairs as escapes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jsonl"
        lines = [json.dumps({field: getattr(example, field) for field in SCHEMA.names}) for example in examples]
        path.write_text("\r\n".join(lines))
        assert read(path) == examples


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(VISIBLE, min_size=1, max_size=8), labels=st.data())
def test_example_table_round_trip(texts: list[str], labels: st.DataObject) -> None:
    drawn = labels.draw(st.lists(st.sampled_from(["b", "a", "é"]), min_size=len(texts), max_size=len(texts)))
    examples = [Example(text, None, label, f"id-{i}") for i, (text, label) in enumerate(zip(texts, drawn, strict=True))]
    with tempfile.TemporaryDirectory() as folder:
        with ExampleWriter(Path(folder) / "e") as writer:
            writer.add(examples)
        table = ExampleTable(Path(folder) / "e")
        assert table.take(range(len(texts))) == examples
        assert [table.labels[code] for code in table.label_codes] == drawn


@settings(max_examples=150, deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=60), st.text(max_size=40).map(lambda text: text.encode("utf8", "surrogatepass"))
    )
)
@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_no_bytes_raise_anything_but_our_errors(suffix: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for start in (b"", b'{"text": "x", "label": "y"}\n', b"text,label\nx,y\n"):
            path = Path(folder) / f"x{suffix}"
            path.write_bytes(start + content)
            for labeled in (True, False):
                try:
                    problems = find_problems(path, labeled=labeled)
                except InputError:
                    continue
                assert all("x" + suffix in str(problem) for problem in problems)
