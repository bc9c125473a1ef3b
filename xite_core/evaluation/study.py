"""An evaluation from end to end: check, prepare, run every variant with every seed, summarise."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xite_core.errors import OptionError
from xite_core.evaluation.bench import Bench
from xite_core.evaluation.data import EvaluationInputs, checked
from xite_core.evaluation.page import write_page
from xite_core.evaluation.runs import Run, Runs, picture
from xite_core.evaluation.summary import hindsight, summarise
from xite_core.evaluation.tables import markdown
from xite_core.evaluation.tuned import tuned
from xite_core.evaluation.variants import DEFAULT, Variant, variants
from xite_core.finetune.options import HEAD, FineTuneOptions
from xite_core.options import AugmentOptions
from xite_core.storage import atomic_file

REPORT = "report.json"
TABLES = "report.md"
PAGE = "report.html"
WORK = ".work"

LIMIT = 4000
"""Source rows, and unlabeled rows, that are used at most: beyond, encoding on a CPU takes longer than training."""

DEEP_SEEDS = 1
"""Seeds at depths that move the encoder, where a run takes minutes."""

Progress = Callable[[str, int, int], None]
"""Called with the stage's name, what is done and what there is to do."""


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """How an evaluation is made.

    Parameters
    ----------
    seeds : int
        Runs of each main variant; the others, and all at depths that move the encoder, run once.
    limit : int
        Source rows, and unlabeled rows, at most.
    depths : tuple of str
        As in `FineTuneOptions`.
    quick : bool
        Leave the sweeps out.

    Raises
    ------
    OptionError
        If a value is out of range.
    """

    seeds: int = 5
    limit: int = LIMIT
    depths: tuple[str, ...] = ("head",)
    quick: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (("seeds", 1, 100), ("limit", 20, 10_000_000)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise OptionError(name, value, f"a whole number from {low} to {high}")
        if not self.depths:
            raise OptionError("depths", self.depths, "at least one")
        for depth in self.depths:
            FineTuneOptions(depth=depth)


def evaluate(
    inputs: EvaluationInputs,
    options: EvaluationOptions,
    directory: Path,
    *,
    augment: AugmentOptions | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare all variants and write ``report.json``, ``report.md`` and ``report.html``.

    Started again after an interruption, over the same rows and directory, it goes on after the last finished run.

    Parameters
    ----------
    inputs : EvaluationInputs
        Rows and encoder.
    options : EvaluationOptions
        How much.
    directory : Path
        Where the report goes; made if missing.
    augment : AugmentOptions, optional
        The defaults of matching and interpolation.
    cache : Path, optional
        Where vectors are kept, to be shared with other evaluations.
    progress : callable, optional
        Told how it goes.

    Returns
    -------
    dict
        What ``report.json`` holds.

    Raises
    ------
    InputError
        If the rows do not do; see `checked`.
    OptionError
        If a depth does not fit the encoder.
    StorageError
        If the disk refuses.
    """
    told: Progress = progress or (lambda stage, done, of: None)
    rows = checked(inputs, options.limit)
    started = time.monotonic()
    work = directory / WORK
    bench = Bench(inputs, rows, work, cache or work / "vectors", told)
    augment = augment or bench.finetune.bundle.options
    results = _run_all(bench, augment, options, told)
    report = _report(bench, augment, options, results) | {"seconds": time.monotonic() - started}
    write_report(directory, report)
    return report


def _report(
    bench: Bench, augment: AugmentOptions, options: EvaluationOptions, results: Mapping[Variant, list[Run]]
) -> dict[str, Any]:
    inputs = bench.inputs
    return {
        "task": inputs.task,
        "lang": inputs.lang,
        "encoder": inputs.encoder.name,
        "fingerprint": inputs.encoder.fingerprint,
        "seeds": options.seeds,
        "default": DEFAULT,
        "default_depth": options.depths[0],
        "labels": list(bench.labels),
        "rows": _counts(bench),
        "defaults": {"finetune": FineTuneOptions().as_dict(), "augment": augment.as_dict()},
        "variants": summarise(bench, results),
        "hindsight": hindsight(bench, results, _default(results, options.depths[0])),
        "picture": picture(bench, augment),
    }


def _counts(bench: Bench) -> dict[str, int]:
    rows = bench.rows
    return {
        "source": bench.corpus.n_anchors,
        "english_validation": len(bench.corpus.validation),
        "unlabeled": len(rows.unlabeled),
        "test": len(rows.test),
        "english_test": len(rows.english),
        "dropped_test_rows": rows.dropped,
    }


def write_report(directory: Path, report: dict[str, Any]) -> None:
    """Write all three forms."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in ((REPORT, json.dumps(report, ensure_ascii=False, indent=1)), (TABLES, markdown(report))):
        with atomic_file(directory / name) as temporary:
            temporary.write_text(text, "utf8")
    write_page(directory / PAGE, report)


def _run_all(
    bench: Bench, augment: AugmentOptions, options: EvaluationOptions, told: Progress
) -> dict[Variant, list[Run]]:
    runs = Runs(bench, augment)
    compared = variants(options.depths, quick=options.quick)
    if HEAD in options.depths and not options.quick:
        compared.append(tuned(bench, runs.directory, augment, told))
    planned = [(variant, seed) for variant in compared for seed in range(_seeds(variant, options))]
    results: dict[Variant, list[Run]] = {}
    for done, (variant, seed) in enumerate(planned):
        told(f"{variant.name} ({variant.depth})", done, len(planned))
        results.setdefault(variant, []).append(runs.run(variant, seed))
    told("done", len(planned), len(planned))
    return results


def _default(results: Mapping[Variant, list[Run]], depth: str) -> Variant:
    return next(variant for variant in results if (variant.name, variant.depth) == (DEFAULT, depth))


def _seeds(variant: Variant, options: EvaluationOptions) -> int:
    if FineTuneOptions(depth=variant.depth).moves_encoder:
        return DEEP_SEEDS
    fixed = variant.name.startswith("zero_shot")
    return options.seeds if variant.main and not fixed else 1
