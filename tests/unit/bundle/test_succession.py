"""A name keeps its encoder, its labels and its form from revision to revision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.service import NAME, build, pairs, source
from xite_core.bundle.store import BundleStore
from xite_core.bundle.succession import Succession, succession
from xite_core.encoder.registry import default_spec
from xite_core.encoder.spec import EncoderSpec, PairMode
from xite_core.errors import InputError
from xite_core.types import Example

A, B, C = (Example("a text", label=label) for label in ("negative", "positive", "neutral"))
PAIR = Example("a text", "another", "positive")
HASHING, BOTH = default_spec("hashing"), {"positive", "negative"}


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    build(tmp_path, NAME, source(marker="a"), "one")
    build(tmp_path, NAME, source(marker="b"), "two")
    return BundleStore(tmp_path)


@pytest.fixture
def before(store: BundleStore) -> Succession:
    found = succession(store, NAME)
    assert found is not None
    return found


def test_a_new_name_is_free(store: BundleStore) -> None:
    assert succession(store, "other") is None


def test_the_same_is_taken(before: Succession) -> None:
    before.check(HASHING, {"positive", "negative"}, pairs=False)
    assert list(before.checked_replacement([[A], [B, A]])) == [[A], [B, A]]


@pytest.mark.parametrize(
    ("encoder", "labels", "pairs", "message"),
    [
        (default_spec("xite-mini"), BOTH, False, "built with encoder 'hashing', not with 'xite-mini'"),
        (replace(HASHING, pairs=PairMode.FEATURES), BOTH, False, "built with pairs 'joint', not with 'features'"),
        (HASHING, {*BOTH, "neutral"}, False, "'neutral' is new"),
        (HASHING, {"positive"}, False, "'negative' is missing"),
        (HASHING, BOTH, True, "holds single texts, not pairs"),
    ],
)
def test_what_differs_is_named(
    before: Succession, encoder: EncoderSpec, labels: set[str], pairs: bool, message: str
) -> None:
    with pytest.raises(InputError, match=f"bundle '{NAME}' .*{message}; choose another name"):
        before.check(encoder, labels, pairs)


def test_pairs_keep_their_form(tmp_path: Path) -> None:
    build(tmp_path, NAME, pairs(), "one")
    found = succession(BundleStore(tmp_path), NAME)
    assert found is not None
    with pytest.raises(InputError, match="holds text pairs"):
        found.check_form(False)


@pytest.mark.parametrize(
    ("rows", "given", "message"),
    [
        ([[A, B], [A, C]], 1, "row 4 has the label 'neutral'"),
        ([[A, B], [PAIR]], 1, "holds single texts"),
        ([[A], [A]], 2, "'positive' is missing"),
    ],
)
def test_rows_are_checked_as_they_are_read(
    before: Succession, rows: list[list[Example]], given: int, message: str
) -> None:
    reading, read = before.checked_replacement(rows), []
    with pytest.raises(InputError, match=message):
        read.extend(reading)
    assert len(read) == given


def test_added_rows_may_lack_labels(before: Succession) -> None:
    assert list(before.checked_additions([[A], [A]])) == [[A], [A]]


def cut(path: Path) -> None:
    path.write_text(path.read_text("utf8")[:-20], "utf8")


@pytest.mark.parametrize(
    "damage",
    [
        lambda store: (store.root / NAME / "active.json").write_text("{"),
        lambda store: cut(store.root / NAME / "two" / "manifest.json"),
    ],
    ids=["pointer", "manifest"],
)
def test_a_damaged_revision_does_not_hide_what_the_name_keeps(
    store: BundleStore, damage: Callable[[BundleStore], object]
) -> None:
    store.activate(NAME, "two")
    damage(store)
    found = succession(store, NAME)
    assert found is not None
    assert found.present.labels == ("negative", "positive")


def test_nothing_readable_leaves_the_name_free(store: BundleStore) -> None:
    for revision in ("one", "two"):
        cut(store.root / NAME / revision / "manifest.json")
    assert succession(store, NAME) is None


def test_reading_stays_lazy(before: Succession) -> None:
    def endless() -> Iterator[list[Example]]:
        while True:
            yield [A, B]

    assert next(before.checked_replacement(endless())) == [A, B]
