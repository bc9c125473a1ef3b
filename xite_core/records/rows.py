"""Augmented texts as Arrow rows: one row a synthetic embedding, one with a null vector where abstained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from xite_core.types import AugmentedText, SyntheticEmbedding

NEIGHBOR = pa.struct(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("label", pa.string()),
        ("score", pa.float32()),
        ("cosine", pa.float32()),
    ]
)

AUGMENTED = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("text_pair", pa.string()),
        ("lang", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("label", pa.string()),
        ("confidence", pa.float32()),
        ("score", pa.float32()),
        ("cosine", pa.float32()),
        ("source_id", pa.string()),
        ("source_text", pa.string()),
        ("source_text_pair", pa.string()),
        ("source_label", pa.string()),
        ("neighbors", pa.list_(NEIGHBOR)),
        ("draw", pa.int32()),
        ("lam", pa.float32()),
        ("subspace", pa.string()),
        ("seed", pa.int64()),
        ("vector", pa.list_(pa.float32())),
        ("n_tokens", pa.int32()),
        ("truncated", pa.bool_()),
        ("bundle", pa.string()),
        ("revision", pa.string()),
    ]
)


def augmented_batch(
    texts: Sequence[AugmentedText], bundle: str, revision: str, *, neighbors: bool = False
) -> pa.RecordBatch:
    """Rows of `AUGMENTED`.

    Parameters
    ----------
    texts : sequence of AugmentedText
        In the order of the rows.
    bundle, revision : str
        Provenance of every row.
    neighbors : bool
        Whether to fill the ``neighbors`` column.
    """
    draws: list[tuple[AugmentedText, int | None, SyntheticEmbedding | None]] = []
    for text in texts:
        draws += [(text, i, made) for i, made in enumerate(text.embeddings)] or [(text, None, None)]
    rows = [_row(*draw, bundle, revision, neighbors) for draw in draws]
    columns = {name: [row.get(name) for row in rows] for name in AUGMENTED.names if name != "vector"}
    arrays = {name: pa.array(values, AUGMENTED.field(name).type) for name, values in columns.items()}
    arrays["vector"] = _vectors([made.vector if made else None for _, _, made in draws])
    return pa.record_batch([arrays[name] for name in AUGMENTED.names], schema=AUGMENTED)


def _row(
    text: AugmentedText, draw: int | None, made: SyntheticEmbedding | None, bundle: str, revision: str, neighbors: bool
) -> dict[str, Any]:
    example, match, source = text.example, text.match, text.match.matched_example
    row: dict[str, Any] = {
        "id": example.id,
        "text": example.text,
        "text_pair": example.text_pair,
        "lang": match.lang,
        "status": str(match.status),
        "reason": str(match.reason) if match.reason else None,
        "label": match.label,
        "confidence": match.confidence,
        "score": match.score,
        "cosine": match.cosine,
        "source_id": source.id,
        "source_text": source.text,
        "source_text_pair": source.text_pair,
        "source_label": source.label,
        "draw": draw,
        "n_tokens": text.n_tokens,
        "truncated": text.truncated,
        "bundle": bundle,
        "revision": revision,
    }
    if made is not None:
        row |= {"lam": made.lam, "subspace": str(made.subspace), "seed": made.seed}
    if neighbors:
        row["neighbors"] = [
            {"id": n.id, "text": n.text, "label": n.label, "score": n.score, "cosine": n.cosine}
            for n in match.neighbors
        ]
    return row


def _vectors(vectors: list[Any]) -> pa.ListArray:
    lengths = [0 if vector is None else len(vector) for vector in vectors]
    flat = [vector for vector in vectors if vector is not None]
    values = np.concatenate(flat) if flat else np.empty(0, np.float32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    missing = pa.array([vector is None for vector in vectors], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values, pa.float32()), mask=missing)
