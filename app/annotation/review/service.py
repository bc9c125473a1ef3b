"""What ``/review`` does, without HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from app.annotation.portions import in_portions
from app.annotation.review.rendering import rendered
from app.annotation.review.schemas import ReviewRequest
from app.annotation.verdicts import match_options
from app.augment.service import check_pairs, examples_of
from app.runtime import Resident, Runtime
from xite_core.review import NEAR, THRESHOLDS, review
from xite_core.types import Encoded, Example


async def review_texts(runtime: Runtime, request: ReviewRequest) -> str:
    """Match the texts, tell what people should look at, and render the answer.

    Raises
    ------
    XiteError, ServiceError
        See the table in `app.faults`.
    """
    examples = examples_of(request.inputs, runtime.settings)
    resident = await runtime.residents.snapshot(request.bundle)
    check_pairs(examples, resident)
    options = match_options(request, resident)
    encoded = await _encoded(runtime, resident, examples)
    near = NEAR if request.near is None else request.near
    thresholds = sorted(request.thresholds or THRESHOLDS)

    def answer() -> str:
        made = review(resident.augmenter, examples, encoded, options, near=near, thresholds=thresholds)
        return rendered(made, request, resident.bundle).model_dump_json()

    return await runtime.in_pool(answer)


async def _encoded(runtime: Runtime, resident: Resident, examples: Sequence[Example]) -> Encoded:
    parts = await in_portions(examples, lambda portion: runtime.encode(resident.encoder, portion))
    return Encoded.joined(parts)
