"""What ``/review`` does, without HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from app.annotation.portions import in_portions
from app.annotation.review.schemas import (
    BalanceItem,
    CoverageItem,
    ReviewItem,
    ReviewRequest,
    ReviewResponse,
    ReviewSummary,
    TwinItem,
)
from app.annotation.verdicts import match_options
from app.augment.schemas import BundleReference, NeighborItem, Usage
from app.augment.service import check_pairs, examples_of
from app.runtime import Resident, Runtime
from xite_core.bundle.bundle import Bundle
from xite_core.review import NEAR, THRESHOLDS, Order, Review, review
from xite_core.types import Encoded, Example


async def review_texts(runtime: Runtime, request: ReviewRequest) -> ReviewResponse:
    """Match the texts, and tell what people should look at.

    Raises
    ------
    XiteError, ServiceError
        See the table in `app.errors`.
    """
    examples = examples_of(request.inputs, runtime.settings)
    resident = await runtime.residents.snapshot(request.bundle)
    check_pairs(examples, resident)
    options = match_options(request, resident)
    encoded = await _encoded(runtime, resident, examples)
    near = NEAR if request.near is None else request.near
    thresholds = sorted(request.thresholds or THRESHOLDS)

    def answer() -> ReviewResponse:
        made = review(resident.augmenter, examples, encoded, options, near=near, thresholds=thresholds)
        return rendered(made, request, resident.bundle)

    return await runtime.in_pool(answer)


async def _encoded(runtime: Runtime, resident: Resident, examples: Sequence[Example]) -> Encoded:
    parts = await in_portions(examples, lambda portion: runtime.encode(resident.encoder, portion))
    return Encoded(
        np.concatenate([part.vectors for part in parts]),
        np.concatenate([part.n_tokens for part in parts]),
        np.concatenate([part.truncated for part in parts]),
    )


def rendered(made: Review, request: ReviewRequest, bundle: Bundle) -> ReviewResponse:
    """The body of the answer."""
    order = Order(request.order or Order.UNCERTAINTY)
    tokens = sum(text.n_tokens for text in made.texts)
    return ReviewResponse(
        bundle=BundleReference(name=bundle.name, revision=bundle.revision),
        order=order.value,
        data=[_item(made, i, neighbors=request.neighbors) for i in made.ordered(order)],
        summary=_summary(made, bundle),
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


def _summary(made: Review, bundle: Bundle) -> ReviewSummary:
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
