"""Label texts as doccano does, and make a file for its import.

    python examples/doccano_labels.py korean.jsonl labeled.jsonl --xite http://localhost:8000

In doccano's settings, under Auto Labeling, choose the template Custom REST Request and give it `REQUEST` and, as the
mapping template, `MAPPING`; each text is then labeled when it is opened. The file that is written here can be
imported instead (JSONL, columns "text" and "label").
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import httpx

REQUEST: dict[str, Any] = {
    "url": "http://localhost:8000/doccano/label",
    "method": "POST",
    "params": {},
    "headers": {"Content-Type": "application/json"},
    "body": {"text": "{{ text }}", "min_confidence": 0.6},
}
"""With keys required, ``headers`` holds ``Authorization`` too: ``Bearer KEY``."""

MAPPING = "{{ input.labels | tojson }}"


def label(client: httpx.Client, text: str) -> dict[str, Any]:
    """What doccano sends and gets for one text."""
    body = {name: text if value == "{{ text }}" else value for name, value in REQUEST["body"].items()}
    answer: dict[str, Any] = client.post("/doccano/label", json=body).raise_for_status().json()
    return answer


def main() -> None:
    """Label all texts of a file."""
    parser = argparse.ArgumentParser(description="Label texts as doccano does, and make a file for its import.")
    parser.add_argument("texts", type=Path)
    parser.add_argument("labeled", type=Path)
    parser.add_argument("--xite", default="http://localhost:8000")
    given = parser.parse_args()
    key = os.environ.get("XITE_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    lines = []
    with httpx.Client(base_url=given.xite, headers=headers, timeout=60) as client:
        for line in given.texts.read_text("utf8").splitlines():
            text = json.loads(line)["text"]
            answer = label(client, text)
            lines.append({"text": text, "label": [one["label"] for one in answer["labels"]]})
    given.labeled.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf8")
    print(f"{sum(bool(line['label']) for line in lines)} of {len(lines)} texts have a label")


if __name__ == "__main__":
    main()
