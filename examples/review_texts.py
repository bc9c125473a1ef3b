"""Decide where people should look before anyone annotates.

python examples/review_texts.py korean.jsonl --xite http://localhost:8000
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from app.client import Client

SHOWN = 5


def main() -> None:
    """Print coverage against confidence, the label balance, and the texts that need a human most."""
    parser = argparse.ArgumentParser(description="Decide where people should look before anyone annotates.")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--xite", default="http://localhost:8000")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.texts.read_text("utf8").splitlines() if line.strip()]
    inputs = [{name: row[name] for name in ("text", "id", "lang") if name in row} for row in rows]
    with Client(given.xite) as client:
        review = client.review(inputs, order="uncertainty", thresholds=[0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
    for line in review.summary.coverage_by_confidence:
        print(f"from {line.min_confidence:.2f}: {line.coverage:4.0%} of the texts, {line.label_counts}")
    for share in review.summary.balance:
        print(f"{share.label}: {share.share:.0%} of the labels here, {share.source_share:.0%} of the English examples")
    print(f"{review.summary.near_duplicates} near-duplicates, {review.summary.conflicts} conflicts; look first at:")
    for item in review.data[:SHOWN]:
        print(f"{item.confidence:.2f} {item.label or '-':<10} {inputs[item.index]['text'][:70]}")


if __name__ == "__main__":
    main()
