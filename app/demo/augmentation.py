"""The first part of the demonstration: ``POST /augment``."""

from __future__ import annotations

import json
import shlex
from typing import Any

from rich.console import Console
from rich.table import Table

from app.augment.schemas import AugmentResponse
from app.client import Client
from app.demo.process import HOST
from xite_core.demo import demo_file
from xite_core.records.readers import read_examples
from xite_core.types import Example

SHOWN = 4
"""Texts of each language in the table."""

MIN_CONFIDENCE = 0.6
"""Below this the demonstration abstains, so that a newcomer sees what that looks like."""


def reviews(lang: str) -> list[Example]:
    """The demonstration's reviews in a language; their labels are for evaluation only."""
    return [row for chunk in read_examples(demo_file("reviews", lang), labeled=True) for row in chunk]


def show_augmentation(client: Client, lang: str, console: Console) -> None:
    """Augment a language's reviews and print the first of them."""
    rows = reviews(lang)
    inputs = [{"id": row.id, "text": row.text, "lang": lang} for row in rows]
    answer = client.augment(inputs, min_confidence=MIN_CONFIDENCE, include=["neighbors", "embedding"])
    console.print(_table(answer, rows, lang))
    console.print(_summary(answer, rows))


def _table(answer: AugmentResponse, rows: list[Example], lang: str) -> Table:
    last = "matched English example, or why it abstained"
    table = Table("text", "label", "confidence", last, title=f"{lang}: POST /augment", show_lines=True)
    for item, row in list(zip(answer.data, rows, strict=True))[:SHOWN]:
        confidence = f"{item.confidence:.2f}"
        if item.status == "matched":
            source = item.embeddings[0].source_id if item.embeddings else None
            english = next((near.text for near in item.neighbors or [] if near.id == source), "")
            table.add_row(row.text, item.label, confidence, english)
        else:
            table.add_row(row.text, "-", confidence, f"abstained: {item.reason}")
    return table


def _summary(answer: AugmentResponse, rows: list[Example]) -> str:
    matched = [(item.label, row.label) for item, row in zip(answer.data, rows, strict=True) if item.label]
    right = sum(adopted == gold for adopted, gold in matched)
    made: Any = next((item.embeddings[0] for item in answer.data if item.embeddings), None)
    size = len(made.values()) if made else 0
    return (
        f"{len(matched)} of {len(rows)} texts matched, each with a vector of {size} numbers; {right} of them adopted "
        "the gold label (gold labels serve for this line only)\n"
    )


def curl_line(port: int) -> str:
    """A call to try."""
    body = json.dumps({"inputs": [{"text": "배송이 빨라서 좋았어요", "lang": "ko"}], "k": 4}, ensure_ascii=False)
    return f"curl -s http://{HOST}:{port}/augment -H 'Content-Type: application/json' -d {shlex.quote(body)}"
