"""Requests for the documentation; the tests send each of them to a running service."""

from __future__ import annotations

from typing import Any

PREDICT: dict[str, Any] = {
    "two_texts": {
        "summary": "The demonstration's bundle, once it was fine-tuned",
        "value": {
            "bundle": "demo-sentiment",
            "inputs": [
                {"id": "ko-1", "text": "음식이 정말 맛있고 직원들이 친절했어요.", "lang": "ko"},
                "The food was cold and the staff were rude.",
            ],
        },
    }
}

PREDICT_ANSWER: dict[str, Any] = {
    "object": "list",
    "bundle": {"name": "demo-sentiment", "revision": "20260424T101500000000-1a2b3c"},
    "data": [
        {
            "index": 0,
            "id": "ko-1",
            "label": "positive",
            "probabilities": {"negative": 0.25, "positive": 0.75},
            "n_tokens": 14,
            "truncated": False,
            "unreadable": False,
        }
    ],
    "usage": {"tokens": 14, "texts": 1},
}
