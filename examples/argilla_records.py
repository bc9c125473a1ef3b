"""Make Argilla records with suggestions from a file of texts.

    python examples/argilla_records.py korean.jsonl records.json --xite http://localhost:8000

The file holds one JSON object a line with "text" and, where they are known, "id" and "lang". Put the result into a
dataset that has the text field "text" and the label question "label":

    client.datasets("reviews").records.from_json("records.json")
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from app.client import Client

CHUNK = 256


def records_of(file: Path) -> list[dict[str, Any]]:
    """Records without suggestions, as ``argilla.Record.to_dict`` gives them."""
    rows = [json.loads(line) for line in file.read_text("utf8").splitlines() if line.strip()]
    return [
        {
            "id": row.get("id", str(i)),
            "fields": {"text": row["text"]},
            "metadata": {"lang": row["lang"]} if "lang" in row else {},
            "responses": {},
            "vectors": {},
        }
        for i, row in enumerate(rows)
    ]


def main() -> None:
    """Ask for suggestions and write the records."""
    parser = argparse.ArgumentParser(description="Make Argilla records with suggestions from a file of texts.")
    parser.add_argument("texts", type=Path)
    parser.add_argument("records", type=Path)
    parser.add_argument("--xite", default="http://localhost:8000")
    parser.add_argument("--min-confidence", type=float, default=0.6)
    given = parser.parse_args()
    records = records_of(given.texts)
    with Client(given.xite) as client:
        for start in range(0, len(records), CHUNK):
            part = records[start : start + CHUNK]
            for item in client.suggest(part, min_confidence=given.min_confidence).data:
                part[item.index]["suggestions"] = {name: made.model_dump() for name, made in item.suggestions.items()}
    given.records.write_text(json.dumps(records, ensure_ascii=False, indent=1), "utf8")
    suggested = sum(bool(record["suggestions"]) for record in records)
    print(f"{suggested} of {len(records)} records have a suggestion; the others are for people alone")


if __name__ == "__main__":
    main()
