"""Which bundle answers requests that name none, over several starts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.runtime.remembered import FILE, default_name
from xite_core.errors import BundleNotFoundError


def publish(home: Path, *names: str) -> None:
    """As much of a bundle as is looked at."""
    for name in names:
        revision = home / "bundles" / name / "one"
        revision.mkdir(parents=True)
        (revision / "manifest.json").write_text("{}")


def test_the_only_one_stays_the_default(tmp_path: Path) -> None:
    publish(tmp_path, "first")
    assert default_name(tmp_path) == "first"
    publish(tmp_path, "a-second", "third")
    assert default_name(tmp_path) == "first"


def test_none_of_several_is_guessed(tmp_path: Path) -> None:
    publish(tmp_path, "first", "second")
    with pytest.raises(BundleNotFoundError, match="several bundles"):
        default_name(tmp_path)
    assert not (tmp_path / FILE).exists()


def test_a_deleted_one_is_forgotten(tmp_path: Path) -> None:
    publish(tmp_path, "first")
    default_name(tmp_path)
    shutil.rmtree(tmp_path / "bundles" / "first")
    publish(tmp_path, "second", "third")
    with pytest.raises(BundleNotFoundError, match="several bundles"):
        default_name(tmp_path)
    shutil.rmtree(tmp_path / "bundles" / "third")
    assert default_name(tmp_path) == "second"
    publish(tmp_path, "first")
    assert default_name(tmp_path) == "second"


@pytest.mark.parametrize("damage", ["", "[]", "{}", "\udcff", '{"name": 3}', '{"name": "../first"}'])
def test_a_damaged_note_does_not_count(tmp_path: Path, damage: str) -> None:
    publish(tmp_path, "first")
    (tmp_path / FILE).write_text(damage, "utf8", "surrogateescape")
    assert default_name(tmp_path) == "first"
    publish(tmp_path, "second")
    assert default_name(tmp_path) == "first"


def test_what_cannot_be_noted_is_served_all_the_same(tmp_path: Path) -> None:
    publish(tmp_path, "first")
    (tmp_path / FILE).mkdir()
    assert default_name(tmp_path) == "first"
