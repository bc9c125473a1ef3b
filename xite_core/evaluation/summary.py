"""The report: metrics of every variant with intervals, gains over the better zero-shot model, diagnostics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xite_core.evaluation.bench import Bench, Scored
from xite_core.evaluation.intervals import Resampled, Resampler
from xite_core.evaluation.runs import Run
from xite_core.evaluation.variants import BASELINES, TUNED, Variant
from xite_core.metrics import Metric, confusion_matrix, expected_calibration_error, macro_f1
from xite_core.types import BoolArray, FloatArray, IntArray

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)

Results = Mapping[Variant, Sequence[Run]]


def summarise(bench: Bench, results: Results) -> list[dict[str, Any]]:
    """One entry a variant, in the order given.

    Parameters
    ----------
    bench : Bench
        Scored rows.
    results : mapping of Variant to sequence of Run
        The runs of each variant, one a seed.
    """
    judges = {name: _judge(part, len(bench.labels)) for name, part in _parts(bench).items()}
    measured = {variant: _measured(judges, runs) for variant, runs in results.items()}
    return [_entry(bench, variant, runs, measured) for variant, runs in results.items()]


def _parts(bench: Bench) -> dict[str, Scored]:
    return {"target": bench.target, "english": bench.english}


def _judge(part: Scored, n_classes: int) -> Resampler:
    return Resampler(part.codes, n_classes, part.clusters)


def _measured(judges: Mapping[str, Resampler], runs: Sequence[Run]) -> dict[str, dict[Metric, Resampled]]:
    return {
        name: {
            metric: judge.measure([np.asarray(getattr(run, name).argmax(1), np.int64) for run in runs], metric)
            for metric in Metric
        }
        for name, judge in judges.items()
    }


def _entry(
    bench: Bench, variant: Variant, runs: Sequence[Run], measured: Mapping[Variant, Mapping[str, Any]]
) -> dict[str, Any]:
    baseline = better_baseline(variant.depth, measured)
    own = measured[variant]
    english = next(other for other in measured if other.name == BASELINES[0] and other.depth == variant.depth)
    kept = own["english"][Metric.ACCURACY].less(measured[english]["english"][Metric.ACCURACY])
    return {
        "name": variant.name,
        "depth": variant.depth,
        "note": variant.note,
        "seeds": len(runs),
        "options": {"finetune": dict(variant.finetune), "augment": dict(variant.augment)},
        **{
            name: {
                **{str(metric): own[name][metric].interval().as_dict() for metric in Metric},
                "ece": _calibration(part, [getattr(run, name) for run in runs]),
                "n": len(part.codes),
            }
            for name, part in _parts(bench).items()
        },
        "gain": _gain(own["target"], measured[baseline]["target"], baseline),
        "english_kept": {**kept.interval().as_dict(), "p_value": kept.p_value()},
        "adoption": _adoption(bench, runs[0]),
        "by_seed": [_macro(bench.target.codes, run, np.ones(len(run.target), bool)) for run in runs],
    }


def better_baseline(depth: str, measured: Mapping[Variant, Mapping[str, Any]]) -> Variant:
    """The zero-shot model of a depth with the higher macro-F1 on the target rows."""
    rivals = [variant for variant in measured if variant.name in BASELINES and variant.depth == depth]
    return max(rivals, key=lambda variant: measured[variant]["target"][Metric.MACRO_F1].value)


def _gain(own: Mapping[Metric, Resampled], base: Mapping[Metric, Resampled], baseline: Variant) -> dict[str, Any]:
    """Of macro-F1, in shares of one; accuracy beside it."""
    difference = own[Metric.MACRO_F1].less(base[Metric.MACRO_F1])
    interval = difference.interval()
    accuracy = own[Metric.ACCURACY].less(base[Metric.ACCURACY])
    return {
        "metric": str(Metric.MACRO_F1),
        "over": baseline.name,
        "absolute": interval.mean,
        "relative": interval.mean / max(base[Metric.MACRO_F1].value, 1e-9),
        "low": interval.low,
        "high": interval.high,
        "p_value": difference.p_value(),
        "accuracy": {**accuracy.interval().as_dict(), "p_value": accuracy.p_value()},
    }


def _calibration(part: Scored, probabilities: Sequence[FloatArray]) -> float:
    return float(np.mean([expected_calibration_error(part.codes, each) for each in probabilities]))


def _macro(codes: IntArray, run: Run, rows: BoolArray) -> float:
    predicted = np.asarray(run.target.argmax(1), np.int64)
    return macro_f1(confusion_matrix(codes[rows], predicted[rows], run.target.shape[1]))


def hindsight(bench: Bench, results: Results, default: Variant) -> dict[str, Any]:
    """How near default and tuned options come to the variant that one half of the test rows would choose.

    All are scored on the other half. Both halves choose in turn; the rows of a premise stay together.

    Parameters
    ----------
    bench : Bench
        Scored rows.
    results : mapping of Variant to sequence of Run
        All variants of one depth.
    default : Variant
        What the defaults give.
    """
    part = bench.target
    names = np.arange(len(part.codes)) if part.clusters is None else np.asarray(part.clusters)
    owner = np.unique(names, return_inverse=True)[1]
    first: BoolArray = (np.random.default_rng(0).random(int(owner.max()) + 1) < 0.5)[owner]
    same = {variant: runs for variant, runs in results.items() if variant.depth == default.depth}
    rivals = {variant: runs for variant, runs in same.items() if variant.name != TUNED}
    by_tuning = next((runs for variant, runs in same.items() if variant.name == TUNED), None)
    chosen, theirs, ours, tuned = [], [], [], []
    for half in (first, ~first):
        best = max(rivals, key=lambda variant: _mean_macro(part, rivals[variant], half))
        chosen.append(best.name)
        theirs.append(_mean_macro(part, rivals[best], ~half))
        ours.append(_mean_macro(part, rivals[default], ~half))
        if by_tuning:
            tuned.append(_mean_macro(part, by_tuning, ~half))
    return {
        "chosen": chosen,
        "best_macro_f1": float(np.mean(theirs)),
        "default_macro_f1": float(np.mean(ours)),
        "difference": float(np.mean(ours) - np.mean(theirs)),
        "tuned_macro_f1": float(np.mean(tuned)) if tuned else None,
        "tuned_difference": float(np.mean(tuned) - np.mean(theirs)) if tuned else None,
    }


def _mean_macro(part: Scored, runs: Sequence[Run], rows: BoolArray) -> float:
    return float(np.mean([_macro(part.codes, run, rows) for run in runs]))


def _adoption(bench: Bench, run: Run) -> dict[str, Any] | None:
    """Accuracy of the labels that the test texts would adopt from their neighbours, all and the surest shares."""
    if not len(run.adopted):
        return None
    right = run.adopted == bench.target.codes
    order = np.argsort(-run.confidence, kind="stable")
    curve = [
        {
            "coverage": share,
            "confidence": float(run.confidence[order[max(round(share * len(order)), 1) - 1]]),
            "accuracy": float(right[order[: max(round(share * len(order)), 1)]].mean()),
        }
        for share in COVERAGES
    ]
    return {"accuracy": float(right.mean()), "curve": curve}
