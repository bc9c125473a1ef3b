"""Requests for the documentation."""

from __future__ import annotations

from typing import Any

REVIEW: dict[str, Any] = {
    "least_certain_first": {
        "summary": "What should people look at first?",
        "value": {
            "inputs": [
                {"id": "ko-1", "text": "음식이 정말 맛있고 직원들이 친절했어요.", "lang": "ko"},
                {"id": "ko-2", "text": "음식이 정말  맛있고 직원들이 친절했어요.", "lang": "ko"},
                {"id": "ur-1", "text": "یہ فلم بہت اچھی تھی۔", "lang": "ur"},
                {"id": "hi-1", "text": "यह फ़ोन बहुत खराब है।", "lang": "hi"},
            ],
            "order": "uncertainty",
            "min_confidence": 0.7,
            "thresholds": [0.5, 0.7, 0.9],
        },
    }
}
