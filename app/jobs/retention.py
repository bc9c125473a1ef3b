"""Ends what has outlived its time: datasets, and revisions that jobs made."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from app.errors import ServiceError
from app.jobs.attempt import JOB
from xite_core.bundle.manifest import MANIFEST, read_manifest
from xite_core.bundle.store import BundleStore
from xite_core.errors import BundleError, XiteError

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
                _forget(partial(store.delete, record.id), "dataset", record.id)
        if not page.has_more:
            return
        after = page.records[-1].id


def forget_revisions(home: Path, before: float, needed: Needed) -> None:
    """Delete revisions that a job made before a moment, that are neither active nor were, and that no job needs."""
    store = BundleStore(home)
    for name in store.names():
        try:
            outlived = _outlived(store, name, before)
        except (BundleError, OSError) as error:  # the others are not to wait for its repair
            log.warning("revisions not looked at", bundle=name, reason=str(error))
            continue
        for revision in outlived:
            if not needed(revision):
                _forget(partial(store.delete, name, revision), "revision", f"{name} {revision}")


def _forget(delete: Callable[[], object], kind: str, name: str) -> None:
    """Delete one thing; the others are not to wait until it can be deleted."""
    try:
        delete()
        log.info("forgotten", kind=kind, name=name)
    except (XiteError, ServiceError, OSError) as error:
        log.warning("not forgotten", kind=kind, name=name, reason=str(error))


def _outlived(store: BundleStore, name: str, before: float) -> list[str]:
    activation = store.activation(name)
    kept = {activation.revision, *activation.history} if activation else {store.revisions(name)[-1]}
    return [
        revision
        for revision in store.revisions(name)
        if revision not in kept
        and (store.directory(name, revision) / MANIFEST).stat().st_mtime < before
        and JOB in read_manifest(store.directory(name, revision)).origin
    ]
