"""Augments a file with a bundle, with a progress bar."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from app.progress import progress_bar
from xite_core.augmenter import Augmenter
from xite_core.bundle.bundle import open_bundle
from xite_core.bundle.derive import bundle_encoder
from xite_core.bundle.store import BundleStore
from xite_core.records.readers import count_rows
from xite_core.records.writers import check_target
from xite_core.streaming import FileAugmentation, FileAugmenter


def open_augmenter(home: Path, name: str | None, revision: str | None) -> Augmenter:
    """The augmenter of a stored bundle, with the bundle's own encoder.

    Raises
    ------
    BundleNotFoundError
        If there is no such bundle, or none is named and there are several.
    """
    store = BundleStore(home)
    bundle = open_bundle(store.resolve(name or store.only_name(), revision))
    return Augmenter(bundle, bundle_encoder(bundle))


def augment_file(
    home: Path,
    name: str | None,
    revision: str | None,
    source: Path,
    target: Path,
    changes: Mapping[str, Any],
    lang: str | None,
    neighbors: bool,
    columns: Mapping[str, str],
    console: Console,
) -> dict[str, Any]:
    """Augment ``source`` into ``target`` and give the report."""
    check_target(target)
    augmenter = open_augmenter(home, name, revision)
    options = augmenter.bundle.options.replaced(changes)
    job = FileAugmentation(source, target, options, lang, neighbors, columns)
    with progress_bar(console) as progress:
        task = progress.add_task(f"augmenting {escape(source.name)}", total=count_rows(source))
        return FileAugmenter(augmenter, job, lambda done: progress.update(task, advance=done)).run()
