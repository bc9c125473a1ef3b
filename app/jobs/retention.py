"""Ends what has outlived its time: datasets, and revisions that jobs made."""

from __future__ import annotations

from pathlib import Path

import structlog

from xite_core.bundle.manifest import read_manifest
from xite_core.bundle.store import BundleStore

log = structlog.get_logger(__name__)


def forget_datasets(home: Path, before: float) -> None:
    """Delete datasets made before a moment."""
    from app.datasets.store import DatasetStore  # brings Arrow, which a worker does without

    store, after = DatasetStore(home), None
    while True:
        page = store.list(after=after, limit=100)
        for record in page.records:
            if record.created_at < before:
                store.delete(record.id)
                log.info("dataset forgotten", dataset=record.id)
        if not page.has_more:
            return
        after = page.records[-1].id


def forget_revisions(home: Path, before: float) -> None:
    """Delete revisions that a job made before a moment and that are neither active nor were."""
    store = BundleStore(home)
    for name in store.names():
        activation = store.activation(name)
        kept = {activation.revision, *activation.history} if activation else {store.revisions(name)[-1]}
        for revision in store.revisions(name):
            directory: Path = store.directory(name, revision)
            made = read_manifest(directory)
            old = (directory / "manifest.json").stat().st_mtime < before
            if old and revision not in kept and made.origin.get("kind") in ("finetune", "job"):
                store.delete(name, revision)
                log.info("revision forgotten", bundle=name, revision=revision)
