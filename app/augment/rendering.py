"""An outcome as JSON or as an Arrow stream."""

from __future__ import annotations

import base64
from collections.abc import Collection
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from app.augment.options import echoed
from app.augment.schemas import EncodingFormat
from app.augment.service import Outcome
from xite_core.records.rows import AUGMENTED, augmented_batch
from xite_core.types import AugmentedText, FloatArray, Neighbor, SyntheticEmbedding

ARROW = "application/vnd.apache.arrow.stream"
METADATA = b"xite"
"""Key of the schema's metadata under which everything but the rows stands."""

_ROWS = 1024


def encoded_vector(vector: FloatArray, form: EncodingFormat) -> Any:
    """A vector as orjson takes it: an array of float32, or base64 of its little-endian bytes."""
    if form == "base64":
        return base64.b64encode(vector.astype("<f4", copy=False).tobytes()).decode()
    return np.ascontiguousarray(vector, np.float32)


def as_json(outcome: Outcome, include: Collection[str], form: EncodingFormat, *, embeddings: bool) -> bytes:
    """The body of an answer.

    Parameters
    ----------
    outcome : Outcome
        What was made.
    include : collection of str
        ``neighbors`` and ``embedding``, or one of them.
    form : str
        Of the embeddings.
    embeddings : bool
        Whether the answer has a place for embeddings at all.
    """
    made = outcome.augmentation
    data = []
    for i, text in enumerate(made.texts):
        item = _item(i, text)
        if "neighbors" in include:
            item["neighbors"] = [_neighbor(neighbor) for neighbor in text.match.neighbors]
        if embeddings and "embedding" in include:
            item["embeddings"] = [_embedding(embedding, form) for embedding in text.embeddings]
        data.append(item)
    body = {"object": "list", **summary(outcome), "data": data}
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def as_arrow(outcome: Outcome, include: Collection[str]) -> bytes:
    """The rows of `AUGMENTED`, everything else as JSON in the schema's metadata."""
    bundle, texts = outcome.resident.bundle, outcome.augmentation.texts
    schema = AUGMENTED.with_metadata({METADATA: orjson.dumps(summary(outcome))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        for start in range(0, len(texts), _ROWS):
            rows = texts[start : start + _ROWS]
            batch = augmented_batch(rows, bundle.name, bundle.revision, neighbors="neighbors" in include)
            writer.write_batch(batch.replace_schema_metadata(schema.metadata))
    body: bytes = sink.getvalue().to_pybytes()
    return body


def summary(outcome: Outcome) -> dict[str, Any]:
    """What concerns all texts."""
    bundle, report = outcome.resident.bundle, outcome.report.as_dict()
    return {
        "bundle": {"name": bundle.name, "revision": bundle.revision},
        "report": report,
        "options": echoed(outcome.augmentation.options),
        "usage": {"tokens": report["tokens"], "texts": report["texts"]},
    }


def _item(index: int, text: AugmentedText) -> dict[str, Any]:
    match = text.match
    return {
        "index": index,
        "id": text.example.id,
        "status": match.status.value,
        "reason": match.reason.value if match.reason else None,
        "label": match.label,
        "confidence": match.confidence,
        "score": match.score,
        "cosine": match.cosine,
        "lang": match.lang,
        "n_tokens": text.n_tokens,
        "truncated": text.truncated,
    }


def _neighbor(neighbor: Neighbor) -> dict[str, Any]:
    return {
        "id": neighbor.id,
        "text": neighbor.text,
        "text_pair": neighbor.text_pair,
        "label": neighbor.label,
        "score": neighbor.score,
        "cosine": neighbor.cosine,
    }


def _embedding(made: SyntheticEmbedding, form: EncodingFormat) -> dict[str, Any]:
    return {
        "embedding": encoded_vector(made.vector, form),
        "lam": made.lam,
        "subspace": made.subspace.value,
        "source_id": made.source_id,
        "seed": made.seed,
    }
