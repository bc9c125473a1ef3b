"""What the command line refuses: status 2, one clear line that names the row or option, nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.bundles import demo_rows
from tests.support.command import Command
from xite_core.demo import demo_file

BUILD = ("--name", "new", "--encoder", "hashing")


def jsonl(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def rows() -> list[dict]:
    return [{"text": row.text, "label": row.label} for row in demo_rows("reviews", "en", 30)]


def half_parquet(folder: Path) -> bytes:
    pq.write_table(pa.Table.from_pylist(rows()), folder / "whole.parquet")
    content = (folder / "whole.parquet").read_bytes()
    (folder / "whole.parquet").unlink()
    return content[: len(content) // 2]


BROKEN_LINE_17 = b"".join(
    line if i != 16 else b'{"text": "cut off\n' for i, line in enumerate(jsonl(rows()).splitlines(True))
)
EMPTY_TEXT = jsonl([*rows()[:4], {"text": "   ", "label": "positive"}])
INVALID_UTF8 = jsonl(rows()[:2]) + b'{"text": "caf\xe9", "label": "positive"}\n'

FILES: dict[str, tuple[str, bytes | None, str]] = {
    "empty file": ("bad.jsonl", b"", "bad.jsonl: no rows"),
    "empty csv": ("bad.csv", b"", "bad.csv"),
    "header only": ("bad.csv", b"text,label\n", "bad.csv: no rows"),
    "empty text": ("bad.jsonl", EMPTY_TEXT, "bad.jsonl, line 5: 'text' is empty"),
    "invalid utf8": ("bad.jsonl", INVALID_UTF8, "bad.jsonl, line 3: not valid UTF-8 at byte 14"),
    "broken line 17": ("bad.jsonl", BROKEN_LINE_17, "bad.jsonl, line 17: broken JSON"),
    "half a parquet": ("bad.parquet", None, "bad.parquet: not a whole Parquet file"),
    "no text column": (
        "bad.jsonl",
        b'{"content": "x", "label": "y"}\n',
        "bad.jsonl, line 1: no 'text'; found 'content'",
    ),
    "semicolons": ("bad.csv", b"text;label\nx;y\n", "bad.csv: the header is separated by semicolons; save"),
    "unknown format": ("bad.txt", b"hello", "unknown format '.txt'; expected .jsonl"),
}


@pytest.fixture
def bad(xite: Command, request: pytest.FixtureRequest) -> tuple[str, str]:
    name, content, message = FILES[request.param]
    (xite.folder / name).write_bytes(half_parquet(xite.folder) if content is None else content)
    return name, message


@pytest.mark.parametrize("bad", FILES, indirect=True)
def test_augment_refuses_an_unusable_file(xite: Command, bad: tuple[str, str]) -> None:
    assert bad[1] in xite.refuse("augment", bad[0], "out.parquet")


@pytest.mark.parametrize(
    "bad", ["empty file", "empty text", "invalid utf8", "broken line 17", "half a parquet"], indirect=True
)
def test_build_refuses_an_unusable_file(xite: Command, bad: tuple[str, str]) -> None:
    assert bad[1] in xite.refuse("build", bad[0], *BUILD)
    assert not (xite.home / "bundles" / "new").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--lam", "nan"), "lam=nan: expected a number from 0 to 1"),
        (("--lam", "1.2"), "lam=1.2: expected a number from 0 to 1"),
        (("--k", "257"), "k=257: expected a whole number from 1 to 256"),
        (("--scoring", "euclid"), "--scoring"),
        (("--lambda", "0.5"), "--lambda"),
        (("--column", "text"), "column='text': expected NAME=VALUE"),
        (("--lang", "korean"), "lang='korean': expected a language tag such as ko"),
        (("--bundle", "nobody"), "no bundle 'nobody'"),
        (("--bundle", "../demo"), "bundle='../demo'"),
    ],
)
def test_augment_refuses_an_option(xite: Command, options: tuple[str, ...], message: str) -> None:
    assert message in xite.refuse("augment", "in.jsonl", "out.parquet", *options)


def test_augment_refuses_more_neighbours_than_the_index_has(xite: Command) -> None:
    (xite.folder / "few.jsonl").write_bytes(jsonl(rows()[:12]))
    xite.succeed("build", "few.jsonl", "--name", "few", "--encoder", "hashing", "--validation", 0)
    line = xite.refuse("augment", "in.jsonl", "out.parquet", "--bundle", "few", "--k", 13)
    assert "k=13: expected at most 12" in line


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("out.xlsx", "unknown format '.xlsx'"),
        ("gone/out.jsonl", "the folder gone does not exist"),
        ("in.jsonl", "overwrite"),
    ],
)
def test_augment_refuses_a_target(xite: Command, target: str, message: str) -> None:
    assert message in xite.refuse("augment", "in.jsonl", target)


def test_augment_refuses_a_missing_source(xite: Command) -> None:
    assert "gone.jsonl: no such file" in xite.refuse("augment", "gone.jsonl", "out.parquet")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--validation", "0.9"), "validation=0.9"),
        (("--seed", "-1"), "seed=-1"),
        (("--pool", "ko=gone.jsonl"), "gone.jsonl: no such file"),
        (("--colour", "red"), "--colour"),
        (("--encoder", "./gone"), "./gone: there is no such directory"),
    ],
)
def test_build_refuses_an_option(xite: Command, options: tuple[str, ...], message: str) -> None:
    assert message in xite.refuse("build", demo_file("reviews", "en"), *BUILD, *options)


def test_build_refuses_a_name_with_a_path(xite: Command) -> None:
    line = xite.refuse("build", demo_file("reviews", "en"), "--name", "../../evil", "--encoder", "hashing")
    assert "'../../evil'" in line


def test_an_unknown_hub_name_points_to_the_local_directory(xite: Command) -> None:
    line = xite.refuse("build", demo_file("reviews", "en"), "--name", "new", "--encoder", "nobody/no-such-encoder")
    assert "nobody/no-such-encoder" in line
    assert "local directory" in line


def revision_of(xite: Command) -> Path:
    return next(path.parent for path in (xite.home / "bundles" / "demo").glob("*/manifest.json"))


@pytest.mark.parametrize("name", ["anchors/vectors.safetensors", "pool.safetensors", "manifest.json"])
def test_a_flipped_byte_in_the_bundle_is_refused(xite: Command, name: str) -> None:
    path = revision_of(xite) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert name in xite.refuse("augment", "in.jsonl", "out.parquet")
    assert name in xite.refuse("info", "demo")


def test_a_newer_schema_version_is_refused(xite: Command) -> None:
    path = revision_of(xite) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf8")), "schema_version": 2}), "utf8")
    assert "schema version 2, this library reads up to 1; upgrade" in xite.refuse("augment", "in.jsonl", "out.jsonl")


def test_a_corrupt_pointer_is_refused(xite: Command) -> None:
    (xite.home / "bundles" / "demo" / "active.json").write_text("{")
    assert "active.json" in xite.refuse("augment", "in.jsonl", "out.jsonl")
    xite.succeed("build", demo_file("reviews", "en"), "--name", "demo", "--encoder", "hashing")
    xite.succeed("augment", "in.jsonl", "out.jsonl")


def test_without_a_bundle_the_way_to_one_is_told(empty_home: Command) -> None:
    (empty_home.folder / "in.jsonl").write_bytes(jsonl(rows()))
    assert "build one with 'xite build'" in empty_home.refuse("augment", "in.jsonl", "out.jsonl")
    assert json.loads(empty_home.succeed("info")) == {}


def test_a_full_disk_is_told(xite: Command, small_disk) -> None:
    with small_disk("16k") as disk:
        assert f"cannot write {disk}" in xite.refuse("augment", "in.jsonl", disk / "out.jsonl")
        line = xite.refuse("build", demo_file("reviews", "en"), *BUILD, "--home", disk)
        assert f"cannot write {disk}" in line
        assert not [path for path in disk.rglob("*") if path.is_file()]


def test_build_keeps_the_encoder_of_a_name(xite: Command) -> None:
    refusal = xite.refuse("build", demo_file("reviews", "en"), "--name", "demo", "--encoder", "xite-mini")
    assert "bundle 'demo' was built with encoder 'hashing', not with 'xite-mini'; choose another name" in refusal


def test_verification_is_told(xite: Command) -> None:
    assert json.loads(xite.succeed("info", "demo", "--verify"))["verified"] > 3
    assert "verified" not in json.loads(xite.succeed("info", "demo"))


def test_build_keeps_the_labels_of_a_name(xite: Command) -> None:
    rows = [{"text": f"text {i}", "label": str(i % 2)} for i in range(20)]
    (xite.folder / "other.jsonl").write_text("\n".join(map(json.dumps, rows)))
    refusal = xite.refuse("build", "other.jsonl", "--name", "demo", "--encoder", "hashing")
    assert "bundle 'demo' holds negative, positive, but row 1 has the label '0'; choose another name" in refusal
