"""Texts in many languages that ship with the product: the reference pool where the user brings none."""

from __future__ import annotations

from importlib.resources import as_file, files

import pyarrow.parquet as pq

from xite_core.types import Example


def reference_texts() -> dict[str, list[Example]]:
    """Everyday sentences by language, the same number of each, English among them. Any encoder can encode them."""
    with as_file(files(__name__) / "texts.parquet") as path:
        table = pq.read_table(path)
    texts: dict[str, list[Example]] = {}
    for language, text in zip(table["lang"].to_pylist(), table["text"].to_pylist(), strict=True):
        texts.setdefault(language, []).append(Example(text, lang=language))
    return texts
