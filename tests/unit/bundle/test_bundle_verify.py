"""Integrity: every damage is refused with the file's name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.support.bundles import build_small, opened_digest
from xite_core.augmenter import Augmenter
from xite_core.bundle.build import Builder, BuildOptions
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.manifest import MANIFEST, read_manifest
from xite_core.bundle.store import BundleStore
from xite_core.bundle.verify import stamp_path
from xite_core.encoder.hashing import HashingEncoder
from xite_core.encoder.spec import EncoderSpec
from xite_core.errors import BundleDamagedError, BundleVersionError, EncoderMismatchError
from xite_core.storage import sha256_of
from xite_core.types import IndexKind

FILES = [
    "anchors/examples.arrow",
    "anchors/index.json",
    "anchors/vectors.safetensors",
    "identifier.safetensors",
    "manifest.json",
    "pool.safetensors",
    "subspaces.safetensors",
    "validation/examples.arrow",
    "validation/index.json",
    "validation/vectors.safetensors",
]


def flip(path: Path, place: int, *, keep_time: bool) -> None:
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[place] ^= 0x01
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def places(path: Path) -> list[int]:
    size = path.stat().st_size
    return [0, size // 3, size // 2, size - 1]


def edit(revision: Path, **changes: object) -> None:
    path = revision / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text("utf8")), **changes}), "utf8")


def test_these_are_all_files(bundle: Bundle) -> None:
    assert sorted([*bundle.manifest.files, MANIFEST]) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_is_refused_with_the_file_s_name(revision: Path, name: str) -> None:
    for place in places(revision / name):
        flip(revision / name, place, keep_time=False)
        with pytest.raises(BundleDamagedError, match=name):
            open_bundle(revision)
        flip(revision / name, place, keep_time=False)
        open_bundle(revision)


@pytest.mark.parametrize("name", FILES)
def test_a_full_check_finds_a_flipped_byte_behind_an_old_time(revision: Path, name: str) -> None:
    for place in places(revision / name):
        flip(revision / name, place, keep_time=True)
        with pytest.raises(BundleDamagedError, match=name):
            open_bundle(revision, full_check=True)
        flip(revision / name, place, keep_time=True)
    open_bundle(revision, full_check=True)


def test_a_flipped_byte_of_the_search_structure_is_refused(tmp_path: Path) -> None:
    built = build_small(tmp_path, options=BuildOptions(IndexKind.HNSW))
    for place in places(built.directory / "anchors/index.faiss"):
        flip(built.directory / "anchors/index.faiss", place, keep_time=False)
        with pytest.raises(BundleDamagedError, match=r"index\.faiss"):
            open_bundle(built.directory)
        flip(built.directory / "anchors/index.faiss", place, keep_time=False)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(revision: Path, name: str) -> None:
    (revision / name).unlink()
    with pytest.raises(BundleDamagedError, match=name):
        open_bundle(revision)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(revision: Path, name: str) -> None:
    content = (revision / name).read_bytes()
    for size in (0, 1, len(content) // 2, len(content) - 1):
        (revision / name).write_bytes(content[:size])
        with pytest.raises(BundleDamagedError, match=name):
            open_bundle(revision)


@pytest.mark.parametrize("content", ["[]", "null", "{}", '{"schema_version": 1}', '{"schema_version": null}', "\xff"])
def test_what_is_not_a_manifest_is_refused(revision: Path, content: str) -> None:
    (revision / MANIFEST).write_bytes(content.encode("latin1"))
    with pytest.raises((BundleDamagedError, BundleVersionError), match=MANIFEST):
        open_bundle(revision)


@pytest.mark.parametrize("field", ["labels", "counts", "fingerprint", "options", "files", "checksum"])
def test_a_manifest_without_a_field_is_refused(revision: Path, field: str) -> None:
    values = json.loads((revision / MANIFEST).read_text("utf8"))
    del values[field]
    (revision / MANIFEST).write_text(json.dumps(values), "utf8")
    with pytest.raises(BundleDamagedError, match=MANIFEST):
        open_bundle(revision)


@pytest.mark.parametrize(
    "change", [{"labels": ["positive", "negative"]}, {"fingerprint": "0" * 64}, {"pairs": True}, {"files": {}}]
)
def test_an_edited_manifest_is_refused(revision: Path, change: dict) -> None:
    edit(revision, **change)
    with pytest.raises(BundleDamagedError, match=MANIFEST):
        open_bundle(revision)


def test_a_newer_schema_version_is_refused_as_such(revision: Path) -> None:
    edit(revision, schema_version=2, something_new=True)
    with pytest.raises(BundleVersionError, match="schema version 2, this library reads up to 1"):
        open_bundle(revision)


def test_another_encoder_is_refused(bundle: Bundle) -> None:
    for encoder in (HashingEncoder(dimension=128), HashingEncoder(EncoderSpec("hashing", max_tokens=64))):
        with pytest.raises(EncoderMismatchError, match=r"'small' was built with encoder 'hashing'"):
            Augmenter(bundle, encoder)


def test_another_encoder_is_refused_by_a_revision_too(bundle: Bundle, tmp_path: Path) -> None:
    builder = Builder(BundleStore(tmp_path), HashingEncoder(EncoderSpec("hashing", max_tokens=64)))
    with pytest.raises(EncoderMismatchError):
        builder.revise(bundle, remove=[bundle.anchors.examples.example(0).id or ""])


def test_a_verified_bundle_is_not_hashed_again(revision: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr("xite_core.bundle.verify.sha256_of", lambda path: hashed.append(path.name) or sha256_of(path))
    os.utime(revision / "pool.safetensors")
    open_bundle(revision)
    first = len(hashed)
    open_bundle(revision)
    assert (first, len(hashed)) == (len(FILES) - 1, first)
    open_bundle(revision, full_check=True)
    assert len(hashed) == 2 * first


@pytest.mark.parametrize("content", ["", "[]", "{", '{"manifest.json": 3}', '{"manifest.json": [1, 2]}'])
def test_a_damaged_stamp_only_costs_a_check(revision: Path, content: str) -> None:
    open_bundle(revision)
    stamp_path(revision).write_text(content)
    open_bundle(revision)
    assert json.loads(stamp_path(revision).read_text())[MANIFEST]


def test_a_bundle_opens_from_a_read_only_disk(revision: Path, small_disk) -> None:
    with small_disk("16m") as disk:
        shutil.copytree(revision, disk / "copy")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert open_bundle(disk / "copy").manifest == read_manifest(revision)


def test_many_processes_read_one_bundle_and_agree(revision: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in revision.rglob("*")}
    with get_context("spawn").Pool(3) as workers:
        results = workers.map(opened_digest, [str(revision)] * 6, chunksize=1)
    assert {digest for _, digest in results} == {opened_digest(str(revision))[1]}
    assert {path: path.stat().st_mtime_ns for path in revision.rglob("*")} == before
