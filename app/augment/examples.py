"""Requests for the documentation; the tests send each of them to a running service."""

from __future__ import annotations

from typing import Any

AUGMENT: dict[str, Any] = {
    "four_languages": {
        "summary": "Four languages, all options left to the bundle",
        "value": {
            "inputs": [
                {"id": "ko-1", "text": "음식이 정말 맛있고 직원들이 친절했어요.", "lang": "ko"},
                {"id": "ar-1", "text": "الخدمة سيئة للغاية ولن أعود مرة أخرى.", "lang": "ar"},
                {"id": "ur-1", "text": "یہ فلم بہت اچھی تھی۔", "lang": "ur"},
                {"id": "hi-1", "text": "यह फ़ोन बहुत खराब है।", "lang": "hi"},
            ]
        },
    },
    "options": {
        "summary": "Own options; the language is predicted; two draws a text, as base64",
        "value": {
            "inputs": ["영화가 지루해서 중간에 나왔어요."],
            "k": 4,
            "scoring": "csls",
            "voting": "weighted",
            "min_confidence": 0.6,
            "subspace": "neutral",
            "interpolation": {"alpha": 2.0, "n": 2, "normalize": True},
            "seed": 11,
            "include": ["embedding"],
            "encoding_format": "base64",
        },
    },
}

MATCH: dict[str, Any] = {
    "one_text": {
        "summary": "Which English examples is this text close to?",
        "value": {
            "inputs": [{"text": "음식이 정말 맛있고 직원들이 친절했어요.", "lang": "ko"}],
            "k": 3,
            "scoring": "margin",
        },
    }
}

_ITEM: dict[str, Any] = {
    "index": 0,
    "id": "ko-1",
    "status": "matched",
    "reason": None,
    "label": "positive",
    "confidence": 0.83,
    "score": 0.34,
    "cosine": 0.71,
    "lang": "ko",
    "neighbors": [
        {
            "id": "row-17",
            "text": "The food was great and the staff were kind.",
            "text_pair": None,
            "label": "positive",
            "score": 0.34,
            "cosine": 0.71,
        }
    ],
    "n_tokens": 14,
    "truncated": False,
}
_SUMMARY: dict[str, Any] = {
    "bundle": {"name": "demo-sentiment", "revision": "20260424T101500000000-1a2b3c"},
    "report": {
        "texts": 1,
        "coverage": 1.0,
        "label_counts": {"positive": 1},
        "abstentions": {},
        "languages": {"ko": 1},
        "hubness": 0.4,
        "tokens": 14,
        "truncated": 0,
    },
    "options": {
        "k": 1,
        "scoring": "csls",
        "voting": "weighted",
        "tau": 0.05,
        "min_cosine": None,
        "min_score": None,
        "min_confidence": None,
        "subspace": "rich",
        "seed": 7,
        "interpolation": {"lam": 0.1, "alpha": None, "n": 1, "normalize": False},
    },
    "usage": {"tokens": 14, "texts": 1},
}
_MADE = {"embedding": [0.021, -0.043, 0.007], "lam": 0.1, "subspace": "rich", "source_id": "row-17", "seed": 7}

MATCH_ANSWER: dict[str, Any] = {"object": "list", **_SUMMARY, "data": [_ITEM]}
AUGMENT_ANSWER: dict[str, Any] = {"object": "list", **_SUMMARY, "data": [{**_ITEM, "embeddings": [_MADE]}]}
