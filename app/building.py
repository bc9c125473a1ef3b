"""Builds a bundle from files, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from app.encoders import encoder_spec
from app.pools import reference_pool
from app.progress import progress_bar
from xite_core.bundle.build import LABELED_ROWS, Builder, BuildOptions
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.derive import bundle_encoder
from xite_core.bundle.store import BundleStore, check_name
from xite_core.bundle.succession import Succession, succession
from xite_core.encoder.registry import load_encoder
from xite_core.errors import RowError
from xite_core.records.readers import count_rows, read_examples
from xite_core.types import IndexKind


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build and from which files."""

    home: Path
    name: str
    source: Path
    pool: Mapping[str, Path] = field(default_factory=dict)
    encoder: Mapping[str, Any] = field(default_factory=lambda: {"name": "xite-mini"})
    index: IndexKind = IndexKind.AUTO
    validation: float = 0.05
    columns: Mapping[str, str] = field(default_factory=dict)
    activate: bool = True
    seed: int = 0


def build_bundle(request: BuildRequest, console: Console) -> Bundle:
    """Build, publish and (unless told otherwise) activate a bundle.

    Raises
    ------
    XiteError
        If a file, an option or the disk does not do; nothing is published then.
    """
    check_name(request.name)
    store = BundleStore(request.home)
    spec, before = encoder_spec(request.encoder), succession(store, request.name)
    if before:
        before.check_encoder(spec)
    encoder = load_encoder(spec)
    pool = reference_pool(request.pool)
    with progress_bar(console) as progress:
        task = progress.add_task(f"building {request.name}", total=count_rows(request.source))

        def advance(stage: str, done: int) -> None:
            progress.update(task, description=f"{request.name}: {stage}", advance=done if stage == "encode" else 0)

        builder = Builder(store, encoder, BuildOptions(request.index, request.validation, seed=request.seed), advance)
        source = read_examples(request.source, labeled=True, columns=request.columns)
        rows = before.checked_replacement(source) if before else source
        with _rows_of(request.source):
            bundle = builder.build(request.name, rows, pool, origin={"source": request.source.name})
        progress.update(task, description=request.name, completed=sum(bundle.manifest.counts.values()))
    if request.activate:
        store.activate(request.name, bundle.revision)
    return bundle


def revise_bundle(
    home: Path,
    name: str,
    add: Path | None,
    remove: Sequence[str],
    activate: bool,
    console: Console,
    *,
    new_labels: bool = False,
) -> Bundle:
    """Publish a new revision of the active one, with rows added and removed; labels that are new only if told so.

    Raises
    ------
    XiteError
        If a row, an id or the disk does not do; nothing is published then.
    """
    store = BundleStore(home)
    present = open_bundle(store.resolve(name))
    encoder = bundle_encoder(present)
    with progress_bar(console) as progress:
        task = progress.add_task(f"revising {name}", total=None)
        builder = Builder(store, encoder, progress=lambda stage, done: progress.update(task, advance=done))
        rows = read_examples(add, labeled=True) if add else ()
        if not new_labels:
            rows = Succession(present.manifest, "correct it, or say --new-labels").checked_additions(rows)
        with _rows_of(add):
            bundle = builder.revise(present, add=rows, remove=remove)
    if activate:
        store.activate(name, bundle.revision)
    return bundle


@contextmanager
def _rows_of(file: Path | None) -> Iterator[None]:
    """The builder knows no files: name the one whose row is meant."""
    try:
        yield
    except RowError as error:
        if file is None or error.where != LABELED_ROWS:
            raise
        raise RowError(file.name, error.row, error.problem, error.unit) from None
