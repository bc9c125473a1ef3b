"""Following the pointer files: a failure is tried again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.runtime import Residents
from tests.support.service import NAME, build, source
from xite_core.bundle.store import BundleStore


def test_a_revision_that_could_not_be_loaded_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for revision in ("one", "two"):
        build(tmp_path, NAME, source(), revision)
    store = BundleStore(tmp_path)
    store.activate(NAME, "one")

    async def walk() -> None:
        residents = Residents(tmp_path, NAME)
        await residents.start()
        opening = residents._open
        monkeypatch.setattr(residents, "_open", lambda *_: (_ for _ in ()).throw(OSError(24, "too many open files")))
        store.activate(NAME, "two")
        await residents.refresh()
        monkeypatch.setattr(residents, "_open", opening)
        await residents.refresh()
        assert residents.active[NAME].bundle.revision == "one", "not at once"
        monkeypatch.setattr("app.runtime.residents.RETRY", -1.0)
        await residents.refresh()
        assert residents.active[NAME].bundle.revision == "two"
        residents.close()

    asyncio.run(walk())
