"""Requests for the documentation."""

from __future__ import annotations

from typing import Any

ARGILLA: dict[str, Any] = {
    "two_records": {
        "summary": "Suggestions for the question sentiment",
        "value": {
            "records": [
                {
                    "id": "ko-1",
                    "fields": {"review": "음식이 정말 맛있고 직원들이 친절했어요."},
                    "metadata": {"lang": "ko"},
                },
                {"id": "ur-1", "fields": {"review": "یہ فلم بہت اچھی تھی۔"}, "metadata": {"lang": "ur"}},
            ],
            "question": "sentiment",
            "field": "review",
            "min_confidence": 0.6,
        },
    }
}
DOCCANO: dict[str, Any] = {
    "one_text": {
        "summary": "A text that doccano is about to show",
        "value": {"text": "음식이 정말 맛있고 직원들이 친절했어요.", "min_confidence": 0.6},
    }
}
