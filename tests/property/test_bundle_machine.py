"""The bundle store against a model: any order of publishing, activating, rolling back and deleting."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from xite_core.bundle.manifest import MANIFEST
from xite_core.bundle.store import BundleStore
from xite_core.errors import AlreadyExistsError, BundleError, BundleNotFoundError

NAME = "b"
revisions = st.sampled_from(["r1", "r2", "r3", "r4"])


class Bundles(RuleBasedStateMachine):
    """The model: what is published, what the pointer says, what was active before."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="xite-test-"))
        self.published: set[str] = set()
        self.active: str | None = None
        self.history: list[str] = []

    def teardown(self) -> None:
        shutil.rmtree(self.home)

    @property
    def store(self) -> BundleStore:
        """A new one each time: nothing may depend on what a process remembers."""
        return BundleStore(self.home)

    @rule(revision=revisions)
    def publish(self, revision: str) -> None:
        try:
            with self.store.publishing(NAME, revision) as folder:
                (folder / MANIFEST).write_text(revision)
        except AlreadyExistsError:
            assert revision in self.published
        else:
            assert revision not in self.published
            self.active = self.active or max(self.published, default=None)
            self.published.add(revision)

    @rule(revision=revisions)
    def publish_and_fail(self, revision: str) -> None:
        with suppress(ZeroDivisionError, AlreadyExistsError), self.store.publishing(NAME, revision) as folder:
            (folder / MANIFEST).write_text("half")
            raise ZeroDivisionError

    @rule(revision=revisions)
    def activate(self, revision: str) -> None:
        try:
            self.store.activate(NAME, revision)
        except BundleNotFoundError:
            assert revision not in self.published
            return
        assert revision in self.published
        if self.active not in (None, revision):
            self.history.append(str(self.active))
        self.active = revision

    @precondition(lambda self: self.published)
    @rule()
    def roll_back(self) -> None:
        there = [revision for revision in self.history if revision in self.published]
        try:
            self.store.rollback(NAME)
        except BundleError:
            assert not there
            return
        self.active = there.pop()
        self.history = there

    @rule(revision=revisions)
    def delete(self, revision: str) -> None:
        try:
            self.store.delete(NAME, revision)
        except BundleNotFoundError:
            assert revision not in self.published
        except BundleError:
            assert revision == self.active
        else:
            assert revision != self.active
            self.published.remove(revision)

    @invariant()
    def what_is_there(self) -> None:
        assert self.store.revisions(NAME) == sorted(self.published)
        activation = self.store.activation(NAME)
        assert (activation.revision if activation else None) == self.active

    @invariant()
    def the_served_revision_is_whole(self) -> None:
        wanted = self.active or max(self.published, default=None)
        try:
            served = self.store.resolve(NAME)
        except BundleNotFoundError:
            assert wanted is None
            return
        assert served.name == wanted
        assert (served / MANIFEST).read_text() == wanted

    @invariant()
    def nothing_half_written_is_seen(self) -> None:
        if self.store.root.is_dir():
            assert not list(self.store.root.rglob("*.tmp"))


TestBundles = Bundles.TestCase
TestBundles.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
