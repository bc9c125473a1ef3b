"""The report: JSON for programs, Markdown for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from xite_core.storage import atomic_file


def write_report(report: Mapping[str, Any], folder: Path) -> None:
    """Write ``report.json`` and ``report.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("report.json", json.dumps(report, indent=1)), ("report.md", markdown(report))):
        with atomic_file(folder / name) as temporary:
            temporary.write_text(text + "\n", "utf8")


def markdown(report: Mapping[str, Any]) -> str:
    """The report as a page."""
    seconds = report["seconds"]
    return "\n".join(
        [
            "# Chaos",
            f"`{report['command']}`: {report['kills']} kills in {seconds['disturbed']} s on {report['cores']} cores, "
            f"{len(report['violations'])} violations.",
            "",
            "| fault | times |",
            "|---|---|",
            *(f"| {fault} | {count} |" for fault, count in sorted(report["faults"].items())),
            "",
            "| jobs | ended | attempts, mean | attempts, most | seconds, mean |",
            "|---|---|---|---|---|",
            *_jobs(report["jobs"]),
            "",
            *(f"- {name}: {count}" for name, count in report["counts"].items()),
            "",
            "## Violations",
            *([f"- {line}" for line in report["violations"]] or ["None."]),
        ]
    )


def _jobs(jobs: list[dict[str, Any]]) -> list[str]:
    lines = []
    for kind in sorted({job["kind"] for job in jobs}):
        own = [job for job in jobs if job["kind"] == kind]
        attempts = [job["attempts"] for job in own]
        taken = mean(job["seconds"] for job in own)
        lines.append(f"| {kind} | {len(own)} | {mean(attempts):.1f} | {max(attempts)} | {taken:.0f} |")
    return lines
