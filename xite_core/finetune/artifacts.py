"""What a run leaves for people: report, learning curve, plot, model card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xite_core.storage import atomic_file

REPORT = "report.json"
CURVE = "curve.json"
PLOT = "curve.png"
CARD = "model_card.md"

_POINTS = 400


def write_artifacts(directory: Path, report: Mapping[str, Any], losses: list[float]) -> list[Path]:
    """Write all four files and give their paths.

    Parameters
    ----------
    directory : Path
        Made if missing.
    report : mapping
        As `FineTuner` makes it.
    losses : list of float
        Of every step.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    directory.mkdir(parents=True, exist_ok=True)
    curve = {"losses": losses, "epochs": report["curve"]}
    texts = {REPORT: _json(report), CURVE: _json(curve), CARD: model_card(report)}
    for name, text in texts.items():
        with atomic_file(directory / name) as temporary:
            temporary.write_text(text, "utf8")
    with atomic_file(directory / PLOT) as temporary:
        plot_curve(temporary, losses, report)
    return [directory / name for name in (REPORT, CURVE, PLOT, CARD)]


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, indent=1)


def plot_curve(path: Path, losses: list[float], report: Mapping[str, Any]) -> None:
    """Draw loss by step, and English accuracy and agreement by epoch, as a PNG."""
    # a figure without pyplot has no global state and no display
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    width = max(len(losses) // _POINTS, 1)
    blocks = [losses[i : i + width] for i in range(0, len(losses), width)]
    left.plot([min((i + 1) * width, len(losses)) for i in range(len(blocks))], [sum(b) / len(b) for b in blocks])
    left.set(xlabel="step", ylabel="loss", title=f"{report['bundle']}, {report['depth']}")
    epochs = [entry["epoch"] for entry in report["curve"]]
    for name, label in (("english_accuracy", "English accuracy"), ("agreement", "agreement")):
        right.plot(epochs, [entry[name] for entry in report["curve"]], marker="o", label=label)
    right.axhline(report["gate"]["floor"], color="grey", linestyle="--", linewidth=1, label="gate")
    right.set(xlabel="epoch", ylim=(0, 1.02), xticks=epochs)
    right.legend(loc="lower right", fontsize="small")
    figure.savefig(path, format="png", dpi=110)


def model_card(report: Mapping[str, Any]) -> str:
    """The result in words and figures, as Markdown."""
    gate, options = report["gate"], report["options"]
    lines = [
        f"# {report['bundle']} {report['revision']}",
        "",
        f"Fine-tuned from `{report['parent']['name']}` revision `{report['parent']['revision']}` "
        f"(encoder `{report['encoder']}`) at depth `{report['depth']}` with XITE: labels adopted from matched English "
        "examples, target vectors interpolated with them. No target label was used in training.",
        "",
        "## Data",
        "",
        f"- Labels: {', '.join(report['labels'])}",
        f"- English examples: {report['rows']['english']:,}, held out: {report['rows']['english_held_out']:,}",
        "- Unlabeled target texts: "
        + ", ".join(f"{name} {count:,}" for name, count in report["rows"]["target"].items()),
        f"- Matched: {report['matches']['coverage']:.1%}, trained on: {report['matches']['selected']:,}",
        "- Adopted labels: "
        + ", ".join(f"{name} {count:,}" for name, count in report["matches"]["label_counts"].items()),
        "",
        "## Results",
        "",
        "| rows | n | accuracy before | after | macro-F1 before | after | calibration error after |",
        "|---|---|---|---|---|---|---|",
        *_rows(report["metrics"]),
        "",
        *_gains(report["gain"]),
        f"The gate **{'passed' if gate['passed'] else 'failed'}**: English accuracy {gate['before']:.4f} before, "
        f"{gate['after']:.4f} after, allowed drop {gate['max_english_drop']:g}.",
        "",
        "## Training",
        "",
        f"Best of {len(report['curve'])} epochs: {report['best_epoch']} ({report['stopped']}). "
        f"Weights SHA-256: `{report['weights_sha256']}`.",
        "",
        "```json",
        _json(options),
        "```",
        "",
        "## Limits",
        "",
        "Adopted labels are only as good as the encoder's alignment of the languages. 'Before' is a head trained on "
        "English alone on the same vectors. Where no target test rows were given, nothing is known of target accuracy.",
        "",
    ]
    return "\n".join(lines)


def _rows(metrics: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, before in metrics["before"].items():
        after = metrics["after"][name]
        lines.append(
            f"| {name} | {before['n']:,} | {before['accuracy']:.4f} | {after['accuracy']:.4f} "
            f"| {before['macro_f1']:.4f} | {after['macro_f1']:.4f} | {after['ece']:.4f} |"
        )
    return lines


def _gains(gain: Mapping[str, Any]) -> list[str]:
    lines = [
        f"- {name}, {metric.replace('_', '-')}: {value['mean']:+.4f} (95% {value['low']:+.4f} to {value['high']:+.4f}, "
        "paired bootstrap)"
        for name, values in gain.items()
        for metric, value in values.items()
    ]
    return [*lines, ""]
