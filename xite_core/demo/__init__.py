"""Demonstration data, written for this product; the gold labels of its target texts serve for evaluation only."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

TARGET_LANGUAGES = ("ko", "ar", "ur", "hi")
TASKS = ("reviews", "nli")


def demo_file(task: str, lang: str) -> Path:
    """Path of ``reviews`` or ``nli`` in English or a target language (JSONL with text, label, lang, domain)."""
    return Path(str(files(__name__) / f"{task}.{lang}.jsonl"))
