"""Fine-tunes a bundle on this machine, with a live display."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from app.pools import reference_pool
from app.progress import progress_bar
from xite_core.bundle.bundle import open_bundle
from xite_core.bundle.derive import bundle_encoder
from xite_core.bundle.store import BundleStore, check_name
from xite_core.bundle.succession import succession
from xite_core.encoder.spec import EncoderSpec
from xite_core.errors import OptionError
from xite_core.finetune.comparison import ENGLISH_ROWS
from xite_core.finetune.corpus import FineTuneInputs
from xite_core.finetune.events import FineTuneEvent, Stage
from xite_core.finetune.options import FineTuneOptions
from xite_core.finetune.tuner import FineTuner, FineTuneResult
from xite_core.languages import SHAPE
from xite_core.records.readers import read_examples
from xite_core.types import Example

FEW_HELD_OUT = 50
"""English rows below which the gate's verdict is mostly chance."""

_TAGGED = re.compile(rf"(?P<lang>{SHAPE})=(?P<file>.+)")


@dataclass(frozen=True, slots=True)
class FineTuneRequest:
    """What to fine-tune and with which files.

    Parameters
    ----------
    home : Path
        The data directory.
    targets : sequence of str
        Files of unlabeled text: ``FILE``, or ``ko=FILE`` for one whose rows state no language.
    bundle, revision : str, optional
        What is fine-tuned; by default the only bundle and its active revision.
    name : str, optional
        Name of the result; the bundle's own where not given.
    target_test : sequence of str
        Labeled files for evaluation, written like ``targets``.
    source : Path, optional
        Labeled English rows beside the bundle's.
    pool : mapping of str to Path
        Pool texts of languages, for depths that move the encoder.
    options : mapping
        `FineTuneOptions` by name; ``None`` is the default.
    augment : mapping
        `AugmentOptions` by name; ``None`` is the bundle's own.
    columns : mapping of str to str
        The files' column names.
    work : Path, optional
        Directory for checkpoints and artifacts; a folder in the data directory where not given.
    activate : bool
        Whether a result that passes the gate becomes the active revision.
    """

    home: Path
    targets: Sequence[str]
    bundle: str | None = None
    revision: str | None = None
    name: str | None = None
    target_test: Sequence[str] = ()
    source: Path | None = None
    pool: Mapping[str, Path] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    augment: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    work: Path | None = None
    activate: bool = False


def finetune_bundle(request: FineTuneRequest, console: Console) -> FineTuneResult:
    """Fine-tune, show how it goes and what came out; started again after an interruption it goes on.

    Raises
    ------
    XiteError
        If a row, an option, the encoder or the disk does not do; nothing is published then.
    """
    store = BundleStore(request.home)
    bundle = open_bundle(store.resolve(request.bundle or store.only_name(), request.revision))
    name = check_name(request.name or bundle.name)
    if before := succession(store, name):
        before.check(EncoderSpec.from_dict(bundle.manifest.encoder), bundle.labels, bundle.manifest.pairs)
    options = FineTuneOptions.from_dict({**request.options, "augment": None})
    options = FineTuneOptions.from_dict({**options.as_dict(), "augment": bundle.options.replaced(request.augment)})
    inputs = FineTuneInputs(
        bundle=bundle,
        encoder=bundle_encoder(bundle),
        target=read_tagged(request.targets, False, request.columns),
        target_test=read_tagged(request.target_test, True, request.columns),
        source=read_rows(request.source, True, request.columns) if request.source else [],
        pool=_pool(request.pool),
    )
    work = request.work or request.home / "finetune" / f"{name}-{options.depth.replace(':', '')}"
    with progress_bar(console) as progress:
        display = Display(progress, console)
        tuner = FineTuner(inputs, options, work, progress=display)
        result = tuner.run(store, name)
    tuner.workspace.clean()
    if request.activate and result.passed:
        store.activate(name, result.bundle.revision)
    show_report(result.report, result.passed, str(result.artifacts[0].parent), console)
    return result


class Display:
    """One bar a stage, with the loss beside it, and a line for each epoch.

    Parameters
    ----------
    progress : Progress
        Where the bars go.
    console : Console
        Where the lines go.
    """

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress, self._console = progress, console
        self._tasks: dict[Stage, TaskID] = {}

    def __call__(self, event: FineTuneEvent) -> None:
        """Show an event."""
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self._progress.add_task(str(event.stage), total=event.of)
        text = str(event.stage) if event.loss is None else f"{event.stage} loss {event.loss:.3f}"
        self._progress.update(self._tasks[event.stage], description=text, completed=event.step, total=event.of)
        if event.metrics is not None:
            self.tell_epoch(event.epoch, event.metrics)

    def tell_epoch(self, epoch: int | None, metrics: Mapping[str, float]) -> None:
        """Print what an epoch came to."""
        shown = ("loss", "english_accuracy", "agreement", "coverage")
        values = ", ".join(f"{name.replace('_', ' ')} {metrics[name]:.3f}" for name in shown)
        self._console.print(f"epoch {epoch}: {values}", highlight=False)


def show_report(report: Mapping[str, Any], passed: bool, where: str, console: Console) -> None:
    """A table of before and after, the gate, and where the artifacts are."""
    table = Table("", "rows", "accuracy", "", "macro-F1", "", "gain in accuracy (95%)", box=None)
    for name, before in report["metrics"]["before"].items():
        after, gain = report["metrics"]["after"][name], report["gain"][name]["accuracy"]
        cells = [f"{scores[metric]:.3f}" for metric in ("accuracy", "macro_f1") for scores in (before, after)]
        interval = f"{gain['mean']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
        table.add_row(name, f"{before['n']:,}", *cells, interval)
    console.print(table)
    verdict = "passed" if passed else "FAILED: not to be activated without a look at the figures"
    console.print(f"gate on English accuracy: {verdict}", highlight=False)
    held_out = report["metrics"]["before"][ENGLISH_ROWS]["n"]
    if held_out < FEW_HELD_OUT:
        console.print(f"only {held_out} English rows are held out: the gate tells little", highlight=False)
    worse = [name for name, gain in report["gain"].items() if name != ENGLISH_ROWS and gain["accuracy"]["high"] < 0]
    if worse:
        console.print(f"worse than before: {', '.join(worse)}; the gate looks at English alone", highlight=False)
    console.print(f"report, plot, model card: {where}", highlight=False, soft_wrap=True)


def read_tagged(files: Sequence[str], labeled: bool, columns: Mapping[str, str]) -> list[Example]:
    """Rows of files written as ``FILE`` or ``ko=FILE``."""
    rows: list[Example] = []
    for item in files:
        tagged = _TAGGED.fullmatch(item)
        if tagged and not Path(item).exists():
            rows += read_rows(Path(tagged["file"]), labeled, columns, tagged["lang"])
        else:
            rows += read_rows(Path(item), labeled, columns)
    return rows


def read_rows(path: Path, labeled: bool, columns: Mapping[str, str], lang: str | None = None) -> list[Example]:
    """Rows of a file."""
    return [row for chunk in read_examples(path, labeled=labeled, columns=columns, lang=lang) for row in chunk]


def _pool(files: Mapping[str, Path]) -> dict[str, Sequence[Example]] | None:
    if not files:
        return None
    pool = reference_pool(files)
    for language, rows in pool.items():
        if len(rows) < 2:
            raise OptionError("pool", f"{language}={files.get(language)}", "a file with at least 2 texts")
    return pool
