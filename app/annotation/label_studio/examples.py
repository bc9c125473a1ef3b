"""Requests for the documentation, in the form in which Label Studio sends them."""

from __future__ import annotations

from typing import Any

CONFIGURATION = (
    '<View><Text name="text" value="$text"/><Choices name="sentiment" toName="text" choice="single">'
    '<Choice value="positive"/><Choice value="negative"/></Choices></View>'
)
PROJECT = "1.1798761600"

SETUP: dict[str, Any] = {
    "connect": {
        "summary": "A project connects and wants no prediction below a confidence of 0.7",
        "value": {
            "project": PROJECT,
            "schema": CONFIGURATION,
            "hostname": "http://localhost:8080",
            "extra_params": {"min_confidence": 0.7},
        },
    }
}
PREDICT: dict[str, Any] = {
    "two_tasks": {
        "summary": "Two tasks",
        "value": {
            "tasks": [
                {"id": 11, "data": {"text": "음식이 정말 맛있고 직원들이 친절했어요.", "lang": "ko"}},
                {"id": 12, "data": {"text": "یہ فلم بہت اچھی تھی۔", "lang": "ur"}},
            ],
            "project": PROJECT,
            "label_config": CONFIGURATION,
            "params": {"context": None},
        },
    }
}
_PROJECT_FACTS = {"id": 2, "created_at": "2026-12-31T23:59:00Z", "label_config": CONFIGURATION}
WEBHOOK: dict[str, Any] = {
    "annotated": {
        "summary": "An annotation was submitted",
        "value": {
            "action": "ANNOTATION_CREATED",
            "annotation": {
                "id": 21,
                "task": 11,
                "result": [
                    {
                        "from_name": "sentiment",
                        "to_name": "text",
                        "type": "choices",
                        "value": {"choices": ["positive"]},
                    }
                ],
            },
            "task": {"id": 11, "data": {"text": "음식이 정말 맛있고 직원들이 친절했어요.", "lang": "ko"}},
            "project": _PROJECT_FACTS,
        },
    }
}
