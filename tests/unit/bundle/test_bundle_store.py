"""The store: names, activation, roll back, deletion."""

from __future__ import annotations

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.bundles import NAME
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.store import Activation, BundleStore
from xite_core.bundle.verify import stamp_path
from xite_core.errors import AlreadyExistsError, BundleDamagedError, BundleError, BundleNotFoundError, OptionError

TRICKS = ["", ".", "..", "../x", "a/b", "/etc", "a\\b/", "a\0b", ".hidden", "-x", "a b", "é", "x" * 65, "x\n"]


@pytest.fixture
def store(bundle: Bundle, tmp_path: Path) -> BundleStore:
    """A store with the revisions a, b and c of one name."""
    for revision in "abc":
        shutil.copytree(bundle.directory, tmp_path / "bundles" / NAME / revision)
    return BundleStore(tmp_path)


def pointer(store: BundleStore) -> Path:
    return store.root / NAME / "active.json"


@pytest.mark.parametrize("name", TRICKS)
def test_names_with_path_tricks_are_refused(store: BundleStore, name: str) -> None:
    for call in (
        lambda: store.directory(name, "a"),
        lambda: store.directory(NAME, name),
        lambda: store.revisions(name),
        lambda: store.resolve(name),
        lambda: store.resolve(NAME, name),
        lambda: store.activate(NAME, name),
        lambda: store.rollback(name),
        lambda: store.delete(NAME, name),
        lambda: store.publishing(name, "a").__enter__(),
        lambda: store.publishing(NAME, name).__enter__(),
    ):
        with pytest.raises(OptionError, match=r"bundle|revision"):
            call()
    assert store.revisions(NAME) == ["a", "b", "c"]


def test_an_empty_home_has_nothing(tmp_path: Path) -> None:
    store = BundleStore(tmp_path / "none")
    assert store.names() == []
    for call in (
        store.only_name,
        lambda: store.resolve("x"),
        lambda: store.rollback("x"),
        lambda: store.delete("x", "a"),
    ):
        with pytest.raises(BundleNotFoundError):
            call()
    assert not (tmp_path / "none").exists()


def test_only_whole_revisions_are_listed(store: BundleStore) -> None:
    (store.root / NAME / "empty").mkdir()
    shutil.copytree(store.root / NAME / "a", store.root / NAME / ".d.0123.tmp")
    (store.root / "without").mkdir()
    (store.root / "a file").touch()
    assert (store.names(), store.revisions(NAME)) == ([NAME], ["a", "b", "c"])
    with pytest.raises(BundleNotFoundError, match="no revision 'empty'; there are: a, b, c"):
        store.resolve(NAME, "empty")


def test_the_newest_revision_serves_until_one_is_active(store: BundleStore) -> None:
    assert store.resolve(NAME).name == "c"
    store.activate(NAME, "a")
    assert store.resolve(NAME).name == "a"
    assert store.resolve(NAME, "b").name == "b"


def test_unknown_names_list_the_known(store: BundleStore) -> None:
    with pytest.raises(BundleNotFoundError, match=f"'other'.*there are: {NAME}"):
        store.resolve("other")
    with pytest.raises(BundleNotFoundError, match="'z'; there are: a, b, c"):
        store.activate(NAME, "z")
    assert store.activation(NAME) is None


def test_the_only_name(store: BundleStore) -> None:
    assert store.only_name() == NAME
    shutil.copytree(store.root / NAME, store.root / "other")
    with pytest.raises(BundleNotFoundError, match=rf"several bundles \(other, {NAME}\)"):
        store.only_name()


def test_publishing_does_not_change_what_is_active(store: BundleStore) -> None:
    with store.publishing(NAME, "d") as directory:
        (directory / "manifest.json").write_text("{}")
    assert store.activation(NAME) == Activation("c")
    with store.publishing("new", "a") as directory:
        (directory / "manifest.json").write_text("{}")
    assert store.activation("new") is None
    assert store.resolve("new").name == "a"


def test_what_is_active_without_a_pointer_is_not_deleted(store: BundleStore) -> None:
    with pytest.raises(BundleError, match=r"'c' of .* is active"):
        store.delete(NAME, "c")
    store.delete(NAME, "a")
    assert store.revisions(NAME) == ["b", "c"]


def test_activation_keeps_a_history(store: BundleStore) -> None:
    assert store.activate(NAME, "a") == Activation("a")
    assert store.activate(NAME, "b") == Activation("b", ("a",))
    assert store.activate(NAME, "b") == Activation("b", ("a",))
    assert store.activate(NAME, "c") == Activation("c", ("a", "b"))
    assert BundleStore(store.root.parent).activation(NAME) == Activation("c", ("a", "b"))


def test_rollback_goes_back_step_by_step(store: BundleStore) -> None:
    for revision in "abc":
        store.activate(NAME, revision)
    assert store.rollback(NAME) == Activation("b", ("a",))
    assert store.rollback(NAME) == Activation("a", ())
    with pytest.raises(BundleError, match="no earlier revision"):
        store.rollback(NAME)
    assert store.resolve(NAME).name == "a"


def test_rollback_passes_over_deleted_revisions(store: BundleStore) -> None:
    for revision in "abc":
        store.activate(NAME, revision)
    store.delete(NAME, "b")
    assert store.rollback(NAME) == Activation("a", ())


def test_rollback_works_where_the_active_revision_is_gone(store: BundleStore) -> None:
    store.activate(NAME, "a")
    store.activate(NAME, "b")
    shutil.rmtree(store.root / NAME / "b")
    with pytest.raises(BundleNotFoundError):
        store.resolve(NAME)
    store.rollback(NAME)
    assert store.resolve(NAME).name == "a"


def test_the_active_revision_cannot_be_deleted(store: BundleStore) -> None:
    store.activate(NAME, "b")
    with pytest.raises(BundleError, match="is active"):
        store.delete(NAME, "b")
    store.delete(NAME, "a")
    assert store.revisions(NAME) == ["b", "c"]
    with pytest.raises(BundleNotFoundError):
        store.delete(NAME, "a")


def test_deleting_leaves_nothing_behind(store: BundleStore) -> None:
    open_bundle(store.resolve(NAME, "a"))
    stamp = stamp_path(store.resolve(NAME, "a"))
    assert stamp.is_file()
    store.delete(NAME, "a")
    assert not stamp.exists()
    assert not [path for path in (store.root / NAME).iterdir() if path.name == "a" or path.name.startswith(".deleted")]


def test_a_name_can_be_used_again_after_an_interrupted_deletion(store: BundleStore) -> None:
    (store.root / NAME / ".deleted-a" / "rest").mkdir(parents=True)
    store.delete(NAME, "a")
    assert store.revisions(NAME) == ["b", "c"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"revision": "a"}',
        '{"revision": 5, "history": []}',
        '{"revision": "../../x", "history": []}',
        '{"revision": "a", "history": [null]}',
        '{"revision": "a", "history": "b/c"}',
        "\xff\xfe",
    ],
)
def test_a_corrupt_pointer_is_named_and_can_be_written_anew(store: BundleStore, content: str) -> None:
    pointer(store).write_bytes(content.encode("latin1"))
    for call in (lambda: store.activation(NAME), lambda: store.resolve(NAME), lambda: store.delete(NAME, "a")):
        with pytest.raises(BundleDamagedError, match=r"active\.json"):
            call()
    assert store.revisions(NAME) == ["a", "b", "c"]
    assert store.resolve(NAME, "a").name == "a"
    assert store.activate(NAME, "b") == Activation("b")


def test_activations_side_by_side_lose_nothing(store: BundleStore) -> None:
    store.activate(NAME, "a")
    with ThreadPoolExecutor(8) as pool:
        for call in [pool.submit(store.activate, NAME, "bc"[i % 2]) for i in range(24)]:
            call.result()
    active = store.activation(NAME)
    assert active is not None
    steps = [*active.history, active.revision]
    assert steps[0] == "a"
    assert all(step != following for step, following in pairwise(steps))
    assert set(json.loads(pointer(store).read_text())) == {"revision", "history"}


def test_publishing_is_all_or_nothing(store: BundleStore) -> None:
    def fail() -> None:
        with store.publishing(NAME, "d") as directory:
            (directory / "manifest.json").write_text("{}")
            assert "d" not in store.revisions(NAME)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert sorted(path.name for path in (store.root / NAME).iterdir()) == ["a", "b", "c"]
    with pytest.raises(AlreadyExistsError), store.publishing(NAME, "a"):
        pass


def test_of_two_that_publish_one_name_the_second_is_refused(store: BundleStore) -> None:
    with pytest.raises(AlreadyExistsError), store.publishing(NAME, "d") as slow:
        (slow / "manifest.json").write_text("slow")
        with store.publishing(NAME, "d") as fast:
            (fast / "manifest.json").write_text("fast")
    assert (store.directory(NAME, "d") / "manifest.json").read_text() == "fast"


def test_nobody_publishes_between_the_last_look_and_the_publication(store: BundleStore) -> None:
    looking, go_on = threading.Event(), threading.Event()
    seen: list[list[str]] = []

    def look(where: BundleStore, directory: Path) -> None:
        assert (directory / "manifest.json").is_file()
        seen.append(where.revisions(NAME))
        looking.set()
        assert go_on.wait(10)

    def publish(revision: str) -> None:
        with store.publishing(NAME, revision, look) as directory:
            (directory / "manifest.json").write_text("{}")

    with ThreadPoolExecutor(2) as both:
        first = both.submit(publish, "d")
        assert looking.wait(10)
        second = both.submit(publish, "e")
        time.sleep(0.5)
        assert len(seen) == 1, "the second waits for the first"
        go_on.set()
        first.result(), second.result()
    assert seen == [["a", "b", "c"], ["a", "b", "c", "d"]]


def test_the_newest_revision(store: BundleStore) -> None:
    store.activate(NAME, "a")
    assert store.newest(NAME) == store.directory(NAME, "c")
    with pytest.raises(BundleNotFoundError, match="no bundle 'x'"):
        store.newest("x")
