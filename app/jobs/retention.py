"""Ends what has outlived its time: datasets, and revisions that jobs made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from xite_core.bundle.manifest import read_manifest
from xite_core.bundle.store import BundleStore

log = structlog.get_logger(__name__)

Needed = Callable[[str], object]
"""Tells whether a job that has not ended needs a dataset or a revision, by id or name."""


def forget_datasets(home: Path, before: float, needed: Needed) -> None:
    """Delete datasets made before a moment that no job needs."""
    from app.datasets.store import DatasetStore  # brings Arrow, which a worker does without

    store, after = DatasetStore(home), None
    while True:
        page = store.list(after=after, limit=100)
        for record in page.records:
            if record.created_at < before and not needed(record.id):
                store.delete(record.id)
                log.info("dataset forgotten", dataset=record.id)
        if not page.has_more:
            return
        after = page.records[-1].id


def forget_revisions(home: Path, before: float, needed: Needed) -> None:
    """Delete revisions that a job made before a moment, that are neither active nor were, and that no job needs."""
    store = BundleStore(home)
    for name in store.names():
        activation = store.activation(name)
        kept = {activation.revision, *activation.history} if activation else {store.revisions(name)[-1]}
        for revision in store.revisions(name):
            directory: Path = store.directory(name, revision)
            made = read_manifest(directory)
            old = (directory / "manifest.json").stat().st_mtime < before
            made_by_job = made.origin.get("kind") in ("finetune", "job")
            if old and made_by_job and revision not in kept and not needed(revision):
                store.delete(name, revision)
                log.info("revision forgotten", bundle=name, revision=revision)
