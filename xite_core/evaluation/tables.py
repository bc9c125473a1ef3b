"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def markdown(report: Mapping[str, Any]) -> str:
    """One table of all variants, with what was compared with what."""
    rows = report["rows"]
    lines = [
        f"# {report['task']}, {report['lang']}",
        "",
        f"Encoder `{report['encoder']}`. English rows to learn from: {rows['source']:,}, to choose by: "
        f"{rows['english_validation']:,}; unlabeled {report['lang']} texts: {rows['unlabeled']:,}; "
        f"test rows: {rows['test']:,}. Main variants ran with {report['seeds']} seeds, the others with one.",
        "",
        "Macro-F1 and accuracy in percent, brackets are 95% bootstrap intervals over the test items. *Gain*: macro-F1 "
        "in points over the better zero-shot model of the same depth, paired. *English*: accuracy, and the change "
        "against English alone. *Adopted*: accuracy of the labels that the test texts take from their neighbours.",
        "",
        "| variant | depth | macro-F1 | accuracy | gain | p | English | change | ECE | adopted |",
        "|---|---|---|---|---|---:|---:|---|---:|---:|",
        *(_row(entry, entry["name"] == report["default"]) for entry in report["variants"]),
        "",
        *(f"- `{entry['name']}`: {entry['note']}" for entry in report["variants"] if entry["note"]),
        "",
    ]
    return "\n".join(lines)


def _row(entry: Mapping[str, Any], default: bool) -> str:
    target, gain, kept = entry["target"], entry["gain"], entry["english_kept"]
    name = f"**{entry['name']}**" if default else entry["name"]
    adopted = entry["adoption"]
    cells = [
        name,
        entry["depth"],
        percent(target["macro_f1"]),
        percent(target["accuracy"]),
        points(gain, "absolute"),
        f"{gain['p_value']:.3f}",
        f"{100 * entry['english']['accuracy']['mean']:.1f}",
        points(kept, "mean"),
        f"{target['ece']:.3f}",
        f"{100 * adopted['accuracy']:.1f}" if adopted else "",
    ]
    return "| " + " | ".join(cells) + " |"


def percent(interval: Mapping[str, float]) -> str:
    """A share with its interval, in percent."""
    return f"{100 * interval['mean']:.1f} [{100 * interval['low']:.1f}, {100 * interval['high']:.1f}]"


def points(interval: Mapping[str, float], mean: str) -> str:
    """A difference with its interval, in points."""
    return f"{100 * interval[mean]:+.1f} [{100 * interval['low']:+.1f}, {100 * interval['high']:+.1f}]"
