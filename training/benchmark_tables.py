"""The figures of `training.benchmark` as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

TITLES = {
    "retrieval": "Retrieval, Tatoeba dev halves, P@1",
    "english": "English kept: logistic regression on frozen vectors, accuracy",
    "topic": "Zero-shot topic (SIB-200), English head",
    "sentiment": "Zero-shot sentiment, English head",
}


def interval(figure: dict[str, float], digits: int = 3) -> str:
    """Value and 95% interval."""
    return f"{figure['value']:.{digits}f} [{figure['low']:.{digits}f}, {figure['high']:.{digits}f}]"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others numbers."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def retrieval(figures: dict[str, Any]) -> str:
    """P@1 by language and the means."""
    rows = [
        [name, str(row["candidates"]), interval(row["to_english"]), interval(row["from_english"])]
        for name, row in figures["languages"].items()
    ]
    if figures["mean_of_targets"]:
        rows.append(["mean of kor, ara, urd, hin", "", interval(figures["mean_of_targets"]), ""])
    rows.append(["mean of all", "", interval(figures["mean"]), ""])
    return table(["language", "candidates", "to English", "from English"], rows)


def english(figures: dict[str, Any]) -> str:
    """Student, teacher and the paired difference."""
    rows = [
        [
            name,
            str(row["rows"]),
            interval(row["student"]),
            interval(row["teacher"]),
            interval(row["difference_points"], 1),
        ]
        for name, row in figures.items()
    ]
    return table(["task", "rows", "student", "teacher", "difference, points"], rows)


def topic(figures: dict[str, Any]) -> str:
    """Accuracy and macro-F1 by language."""
    rows = [
        [name, str(row["rows"]), interval(row["accuracy"]), interval(row["macro_f1"])]
        for name, row in figures["targets"].items()
    ]
    rows.append(["mean", "", interval(figures["mean_accuracy"]), ""])
    return table(["language", "rows", "accuracy", "macro-F1"], rows)


def sentiment(figures: dict[str, Any]) -> str:
    """Accuracy and macro-F1 by target, raw and centred by language."""
    rows = [
        [
            name,
            f"{row['rows']} ({row['positive_share']:.0%})",
            *(interval(row[kind][score]) for kind in ("raw", "centred") for score in ("accuracy", "macro_f1")),
        ]
        for name, row in figures["targets"].items()
    ]
    header = ["target", "rows (positive)", "accuracy", "macro-F1", "accuracy, centred", "macro-F1, centred"]
    return table(header, rows)


_SECTIONS = {"retrieval": retrieval, "english": english, "topic": topic, "sentiment": sentiment}


def section_tables(figures: dict[str, Any]) -> dict[str, str]:
    """The table of each section that was measured."""
    return {name: make(figures[name]) for name, make in _SECTIONS.items() if name in figures}


def markdown(figures: dict[str, Any]) -> str:
    """All tables under their titles."""
    parts = [f"## {TITLES[name]}\n\n{text}\n" for name, text in section_tables(figures).items()]
    note = "Brackets: 95% bootstrap interval over the test items."
    return f"# Figures\n\nEncoder {figures['fingerprint'][:12]}. {note}\n\n" + "\n".join(parts)
