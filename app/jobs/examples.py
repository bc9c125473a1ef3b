"""Requests for the documentation; the tests send each of them to a running service."""

from __future__ import annotations

from typing import Any

DONE, WAITING, HALTED = (f"job_{digit * 24}" for digit in "123")
"""Jobs that the examples of the documentation name: one that succeeded, one that waits, one that was cancelled."""

ARTIFACT = "report.json"

_TARGETS = [
    "음식이 정말 맛있고 직원들이 친절했어요.",
    "배송이 늦고 포장이 엉망이었어요.",
    "영화가 지루해서 중간에 나왔어요.",
    "배우들의 연기가 훌륭했습니다.",
    "가격에 비해 품질이 너무 떨어져요.",
    "다시 방문하고 싶은 식당입니다.",
]

FINETUNE: dict[str, Any] = {
    "inline": {
        "summary": "A head on a bundle's stored vectors; the target texts are in the request",
        "value": {
            "source": {"bundle": "demo-sentiment"},
            "target": {"texts": _TARGETS, "lang": "ko"},
            "target_test": {
                "rows": [
                    {"text": "정말 재미있는 영화였어요.", "label": "positive", "lang": "ko"},
                    {"text": "돈이 아까웠어요.", "label": "negative", "lang": "ko"},
                ]
            },
            "depth": "head",
            "augment": {"k": 8, "interpolation": {"lam": 0.3}},
            "hyperparameters": {"epochs": 3, "batch_size": 64, "replay": 0.5},
            "seed": 7,
            "bundle": "demo-sentiment-ko",
            "metadata": {"project": "demonstration"},
        },
    }
}

AUGMENT: dict[str, Any] = {
    "inline": {
        "summary": "A file of labeled synthetic embeddings",
        "value": {
            "bundle": "demo-sentiment",
            "target": {"texts": _TARGETS, "lang": "ko"},
            "augment": {"min_confidence": 0.6},
            "format": "parquet",
        },
    }
}

BUILD: dict[str, Any] = {
    "inline": {
        "summary": "A small bundle from rows in the request",
        "value": {
            "bundle": "my-reviews",
            "source": {
                "rows": [
                    {"text": "The soup was hot and lovely.", "label": "positive"},
                    {"text": "Nobody came to take our order.", "label": "negative"},
                    {"text": "A film that I will watch again.", "label": "positive"},
                    {"text": "The zip broke on the second day.", "label": "negative"},
                ]
            },
            "encoder": "hashing",
            "validation": 0.0,
            "activate": True,
        },
    }
}
