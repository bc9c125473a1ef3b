"""Texts in many languages that ship with the product: the reference pool where the user brings none."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files

import pyarrow.parquet as pq

from xite_core.identification import Profile, profile_of
from xite_core.types import Example


def reference_texts() -> dict[str, list[Example]]:
    """Everyday sentences by language, the same number of each, English among them. Any encoder can encode them."""
    return _read("texts.parquet")


@cache
def known_languages() -> Mapping[str, Profile]:
    """What languages look like: those of the reference pool, and others that are told but have no place in it."""
    return {language: profile_of(rows) for language, rows in {**reference_texts(), **_read("further.parquet")}.items()}


def _read(name: str) -> dict[str, list[Example]]:
    with as_file(files(__name__) / name) as path:
        table = pq.read_table(path)
    texts: dict[str, list[Example]] = {}
    for language, text in zip(table["lang"].to_pylist(), table["text"].to_pylist(), strict=True):
        texts.setdefault(language, []).append(Example(text, lang=language))
    return texts
