"""A review as the body of an answer, or as rows of a file."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import numpy as np
import pyarrow as pa

from app.annotation.review.schemas import (
    BalanceItem,
    CoverageItem,
    ReviewItem,
    ReviewRequest,
    ReviewResponse,
    ReviewSummary,
    TwinItem,
)
from app.augment.schemas import BundleReference, NeighborItem, Usage
from xite_core.bundle.bundle import Bundle
from xite_core.review import Order, Review

REVIEWED = pa.schema(
    [
        ("row", pa.int64()),
        ("id", pa.string()),
        ("text", pa.string()),
        ("text_pair", pa.string()),
        ("lang", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("label", pa.string()),
        ("confidence", pa.float32()),
        ("cosine", pa.float32()),
        ("disagreement", pa.float32()),
        ("near_duplicate_of", pa.int64()),
        ("near_duplicate_cosine", pa.float32()),
        ("conflict", pa.bool_()),
        ("source_text", pa.string()),
        ("source_label", pa.string()),
        ("bundle", pa.string()),
        ("revision", pa.string()),
    ]
)
"""Columns of a reviewed file; ``row`` and ``near_duplicate_of`` are positions in the input, from 0."""


def rendered(made: Review, request: ReviewRequest, bundle: Bundle) -> ReviewResponse:
    """The body of the answer."""
    order = Order(request.order or Order.UNCERTAINTY)
    tokens = sum(text.n_tokens for text in made.texts)
    return ReviewResponse(
        bundle=BundleReference(name=bundle.name, revision=bundle.revision),
        order=order.value,
        data=[_item(made, i, neighbors=request.neighbors) for i in made.ordered(order)],
        summary=summary(made, bundle),
        usage=Usage(tokens=tokens, texts=len(made.texts)),
    )


def _item(made: Review, i: int, *, neighbors: bool) -> ReviewItem:
    text, doubt, twin = made.texts[i], made.doubts[i], made.twins[i]
    match = text.match
    return ReviewItem(
        index=i,
        id=text.example.id,
        status=match.status.value,
        reason=match.reason.value if match.reason else None,
        label=match.label,
        confidence=match.confidence,
        score=match.score,
        cosine=match.cosine,
        lang=match.lang,
        uncertainty=doubt.uncertainty,
        disagreement=doubt.disagreement,
        near_duplicate_of=TwinItem(index=twin.position, cosine=twin.cosine) if twin else None,
        conflict=made.conflicts[i],
        neighbors=[NeighborItem(**asdict(neighbor)) for neighbor in match.neighbors] if neighbors else None,
        n_tokens=text.n_tokens,
        truncated=text.truncated,
    )


def summary(made: Review, bundle: Bundle) -> ReviewSummary:
    """What concerns all texts."""
    labels = Counter(text.match.label for text in made.texts if text.match.label is not None)
    labeled, anchors = sum(labels.values()), np.bincount(bundle.anchors.label_codes, minlength=len(bundle.labels))
    balance = [
        BalanceItem(
            label=label,
            texts=labels[label],
            share=labels[label] / labeled if labeled else 0.0,
            source_share=int(anchors[code]) / len(bundle.anchors),
        )
        for code, label in enumerate(bundle.labels)
    ]
    return ReviewSummary(
        texts=len(made.texts),
        coverage=labeled / len(made.texts),
        coverage_by_confidence=[CoverageItem(**asdict(row)) for row in made.coverage],
        balance=balance,
        near_duplicates=sum(twin is not None for twin in made.twins),
        conflicts=sum(made.conflicts),
        languages=dict(sorted(Counter(text.match.lang for text in made.texts).items())),
    )


def reviewed_batch(made: Review, positions: list[int], bundle: Bundle) -> pa.RecordBatch:
    """Rows of `REVIEWED` for some of the texts."""
    return pa.RecordBatch.from_pylist([_row(made, i, bundle) for i in positions], schema=REVIEWED)


def _row(made: Review, i: int, bundle: Bundle) -> dict[str, object]:
    text, doubt, twin = made.texts[i], made.doubts[i], made.twins[i]
    example, match, source = text.example, text.match, text.match.matched_example
    return {
        "row": i,
        "id": example.id,
        "text": example.text,
        "text_pair": example.text_pair,
        "lang": match.lang,
        "status": str(match.status),
        "reason": str(match.reason) if match.reason else None,
        "label": match.label,
        "confidence": match.confidence,
        "cosine": match.cosine,
        "disagreement": doubt.disagreement,
        "near_duplicate_of": twin.position if twin else None,
        "near_duplicate_cosine": twin.cosine if twin else None,
        "conflict": made.conflicts[i],
        "source_text": source.text,
        "source_label": source.label,
        "bundle": bundle.name,
        "revision": bundle.revision,
    }
