"""The demonstration: a bundle of English reviews, target reviews in four languages, a table of what was adopted."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.augmenting import open_augmenter
from app.building import BuildRequest, build_bundle
from xite_core.augmenter import Augmentation
from xite_core.bundle.store import BundleStore
from xite_core.demo import TARGET_LANGUAGES, demo_file
from xite_core.records.readers import read_examples
from xite_core.types import Example, Status

BUNDLE = "demo-sentiment"
SHOWN = 4
"""Texts of each language in the table."""

MIN_CONFIDENCE = 0.6
"""Below this the demonstration abstains, so that a newcomer sees what that looks like."""


def run_demo(home: Path, console: Console) -> None:
    """Build the bundle if it is not there, augment, print."""
    if BUNDLE not in BundleStore(home).names():
        build_bundle(BuildRequest(home, BUNDLE, demo_file("reviews", "en")), console)
    augmenter = open_augmenter(home, BUNDLE, None)
    options = augmenter.bundle.options.replaced({"min_confidence": MIN_CONFIDENCE})
    for lang in TARGET_LANGUAGES:
        rows = [row for chunk in read_examples(demo_file("reviews", lang), labeled=True) for row in chunk]
        made = augmenter.augment(rows, options)
        console.print(_table(made, lang))
        console.print(_summary(made, rows))


def _table(made: Augmentation, lang: str) -> Table:
    table = Table(
        "text", "label", "confidence", "matched English example, or why it abstained", title=lang, show_lines=True
    )
    for text in made.texts[:SHOWN]:
        match = text.match
        example = match.matched_example
        if match.status is Status.MATCHED:
            cells = (match.label or "", f"{match.confidence:.2f}", example.text)
        else:
            cells = ("-", f"{match.confidence:.2f}", f"abstained: {match.reason}")
        table.add_row(text.example.text, *cells)
    return table


def _summary(made: Augmentation, rows: list[Example]) -> str:
    matched = [(text.match.label, row.label) for text, row in zip(made.texts, rows, strict=True) if text.match.label]
    right = sum(adopted == gold for adopted, gold in matched)
    return (
        f"{len(matched)} of {len(rows)} texts matched; {right} of these adopted the gold label "
        "(gold labels serve for this line only)\n"
    )
