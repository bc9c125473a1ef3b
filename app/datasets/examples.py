"""Requests for the documentation; the tests send each of them to a running service."""

from __future__ import annotations

from typing import Any

DATASET_ID = "ds_1a20ff2d09a78eb86090da7"

JSONL = """{"id": "r1", "text": "The food was great and the staff were kind.", "label": "positive"}
{"id": "r2", "text": "It stopped charging after a week.", "label": "negative"}
{"id": "r3", "text": "", "label": "negative"}
"""
CSV = """text,label
"음식이 정말 맛있고, 직원들이 친절했어요.",positive
영화가 지루해서 중간에 나왔어요.,negative
"""

_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "JSONL, CSV or Parquet, by its name or type"},
        "name": {"type": "string", "description": "as the query parameter; wins over it, like the others"},
        "lang": {"type": "string"},
        "kind": {"type": "string", "enum": ["labeled", "unlabeled"]},
        "column": {"type": "array", "items": {"type": "string"}},
    },
}
_TEXT: dict[str, Any] = {"type": "string"}
_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}

REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "The file itself, or a form with the file in it.",
    "content": {
        "application/jsonl": {
            "schema": _TEXT,
            "examples": {"labeled": {"summary": "Labeled English; its third row is reported", "value": JSONL}},
        },
        "application/x-ndjson": {"schema": _TEXT, "examples": {"labeled": {"value": JSONL}}},
        "text/csv": {
            "schema": _TEXT,
            "examples": {"korean": {"summary": "Labeled Korean", "value": CSV}},
        },
        "application/vnd.apache.parquet": {"schema": _BINARY},
        "multipart/form-data": {
            "schema": _FORM,
            "examples": {"form": {"summary": "A form", "value": {"file": JSONL, "name": "reviews", "lang": "en"}}},
        },
    },
}

DATASET: dict[str, Any] = {
    "id": DATASET_ID,
    "object": "dataset",
    "name": "reviews",
    "created_at": 1795563901,
    "bytes": 214,
    "rows": 2,
    "labels": {"negative": 1, "positive": 1},
    "languages": {"en": 2},
    "pairs": False,
    "labeled": True,
    "bad_rows": {"count": 1, "listed": [{"line": 3, "detail": "'text' is empty, expected some text"}]},
}
