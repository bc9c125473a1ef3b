"""Evaluates the method on files, with a progress bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from app.encoders import encoder_spec
from app.progress import progress_bar
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.derive import bundle_encoder
from xite_core.bundle.store import BundleStore
from xite_core.encoder.registry import load_encoder
from xite_core.evaluation.data import EvaluationInputs
from xite_core.evaluation.study import PAGE, EvaluationOptions, evaluate
from xite_core.evaluation.tables import percent, points
from xite_core.evaluation.tuning import Tuned, Tuner, publish_options
from xite_core.finetune.corpus import FineTuneInputs
from xite_core.records.readers import read_examples
from xite_core.types import Example


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What to evaluate and with which files.

    Parameters
    ----------
    source, unlabeled, test : sequence of Path
        Labeled English, target texts, labeled target texts; several files are pooled.
    english_test : sequence of Path
        Labeled English for scoring.
    lang, task : str
        Target language, and a name for the report.
    out : Path
        Where the report goes.
    encoder : mapping
        Fields of `EncoderSpec`.
    options : EvaluationOptions
        How much.
    columns : mapping of str to str
        The files' column names.
    cache : Path, optional
        Where vectors are kept between evaluations.
    """

    source: Sequence[Path]
    unlabeled: Sequence[Path]
    test: Sequence[Path]
    lang: str
    out: Path
    english_test: Sequence[Path] = ()
    task: str = "task"
    encoder: Mapping[str, Any] = field(default_factory=lambda: {"name": "xite-mini"})
    options: EvaluationOptions = field(default_factory=EvaluationOptions)
    columns: Mapping[str, str] = field(default_factory=dict)
    cache: Path | None = None


def evaluate_files(request: EvaluationRequest, console: Console) -> dict[str, Any]:
    """Compare all variants, write the report, show its table; started again it goes on.

    Raises
    ------
    XiteError
        If a row, an option, the encoder or the disk does not do.
    """
    inputs = EvaluationInputs(
        source=_rows(request.source, True, request.columns),
        unlabeled=_rows(request.unlabeled, False, request.columns),
        test=_rows(request.test, True, request.columns),
        english_test=_rows(request.english_test, True, request.columns),
        lang=request.lang,
        task=request.task,
        encoder=load_encoder(encoder_spec(request.encoder)),
    )
    with progress_bar(console) as progress:
        task = progress.add_task("evaluating", total=None)

        def told(stage: str, done: int, of: int) -> None:
            progress.update(task, description=stage, completed=done, total=of)

        report = evaluate(inputs, request.options, request.out, cache=request.cache, progress=told)
    show_report(report, console)
    console.print(f"report: {request.out / PAGE}", highlight=False, soft_wrap=True)
    return report


def tune_bundle(
    home: Path,
    name: str | None,
    unlabeled: Sequence[Path],
    lang: str,
    limit: int,
    columns: Mapping[str, str],
    console: Console,
    *,
    activate: bool,
) -> tuple[Bundle, Tuned]:
    """Choose a bundle's options by unlabeled text and publish them as a new revision.

    Raises
    ------
    XiteError
        If a row, the bundle or the disk does not do; nothing is published then.
    """
    store = BundleStore(home)
    bundle = open_bundle(store.resolve(name or store.only_name()))
    rows = [replace(row, lang=lang) for row in _rows(unlabeled, False, columns)]
    drawn = np.sort(np.random.default_rng(0).permutation(len(rows))[:limit])
    inputs = FineTuneInputs(bundle, bundle_encoder(bundle), [rows[i] for i in drawn])
    with progress_bar(console) as progress, TemporaryDirectory(prefix="xite-tune-") as work:
        task = progress.add_task("tuning", total=None)

        def told(stage: str, done: int, of: int) -> None:
            progress.update(task, description=stage, completed=done, total=of)

        tuned = Tuner(inputs, Path(work), told).run()
    made = publish_options(store, bundle, tuned)
    if activate:
        store.activate(made.name, made.revision)
    return made, tuned


def show_report(report: Mapping[str, Any], console: Console) -> None:
    """The variants as a table."""
    table = Table("variant", "depth", "macro-F1", "gain (95%)", "English", box=None)
    for entry in report["variants"]:
        style = "bold" if entry["name"] == report["default"] else None
        cells = (percent(entry["target"]["macro_f1"]), points(entry["gain"], "absolute"))
        english = f"{100 * entry['english']['accuracy']['mean']:.1f}"
        table.add_row(entry["name"], entry["depth"], *cells, english, style=style)
    console.print(table)


def _rows(files: Sequence[Path], labeled: bool, columns: Mapping[str, str]) -> list[Example]:
    return [row for file in files for chunk in read_examples(file, labeled=labeled, columns=columns) for row in chunk]
