"""Augments a file with a bundle, with a progress bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class AugmentationRequest:
    """What to augment, with which bundle and options, into which file.

    Parameters
    ----------
    home : Path
        The data directory.
    source, target : Path
        Files.
    bundle, revision : str, optional
        By default the only bundle and its active revision.
    changes : mapping
        `AugmentOptions` by name; ``None`` is the bundle's own.
    lang : str, optional
        Language of rows that state none.
    neighbors : bool
        Whether the neighbours are written too.
    skip_bad_rows : bool
        Whether rows that cannot be used are left out and reported.
    columns : mapping of str to str
        The file's column names.
    """

    home: Path
    source: Path
    target: Path
    bundle: str | None = None
    revision: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    lang: str | None = None
    neighbors: bool = False
    skip_bad_rows: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)


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


def augment_file(request: AugmentationRequest, console: Console) -> dict[str, Any]:
    """Augment ``source`` into ``target`` and give the report.

    Raises
    ------
    XiteError
        If a row, an option, the target or the disk does not do.
    """
    check_target(request.target)
    augmenter = open_augmenter(request.home, request.bundle, request.revision)
    job = FileAugmentation(
        source=request.source,
        target=request.target,
        options=augmenter.bundle.options.replaced(request.changes),
        lang=request.lang,
        neighbors=request.neighbors,
        columns=request.columns,
        skip_bad_rows=request.skip_bad_rows,
    )
    with progress_bar(console) as progress:
        task = progress.add_task(f"augmenting {escape(request.source.name)}", total=count_rows(request.source))
        return FileAugmenter(augmenter, job, lambda done: progress.update(task, advance=done)).run()
