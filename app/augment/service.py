"""What ``/match`` and ``/augment`` do, without HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.augment.options import options_of
from app.augment.schemas import AugmentRequest, InputObject
from app.errors import FieldError
from app.runtime import Resident, Runtime
from app.settings.service import Settings
from xite_core.augmenter import Augmentation
from xite_core.bundle.bundle import check_form
from xite_core.errors import RowError
from xite_core.report import Report
from xite_core.types import Example


@dataclass(frozen=True, slots=True)
class Outcome:
    """An augmentation and the revision that made it."""

    resident: Resident
    augmentation: Augmentation
    report: Report


async def augment(runtime: Runtime, request: AugmentRequest, *, interpolate: bool) -> Outcome:
    """Match the inputs with the active revision and, if wanted, interpolate.

    Raises
    ------
    XiteError, ServiceError
        See the table in `app.faults`.
    """
    examples = examples_of(request.inputs, runtime.settings)
    resident = await runtime.residents.snapshot(request.bundle)
    check_pairs(examples, resident)
    options = options_of(request, resident.bundle)
    made = await runtime.augment(resident, examples, options, interpolate=interpolate)
    report = Report(resident.bundle.anchors.ntotal)
    report.add(made)
    return Outcome(resident, made, report)


def examples_of(inputs: Sequence[str | InputObject], settings: Settings) -> list[Example]:
    """The inputs as the library's examples.

    Raises
    ------
    FieldError
        If there are too many or one is too long.
    """
    if len(inputs) > settings.max_inputs:
        raise FieldError(f"{len(inputs)} texts, at most {settings.max_inputs} in one request", "inputs")
    examples = [
        Example(item) if isinstance(item, str) else Example(item.text, item.text_pair, None, item.id, item.lang)
        for item in inputs
    ]
    limit = settings.max_text_chars
    for i, example in enumerate(examples):
        for side in ("text", "text_pair"):
            length = len(getattr(example, side) or "")
            if length > limit:
                raise FieldError(f"{length:,} characters, at most {limit:,}", "inputs", i, side)
    return examples


def check_pairs(examples: Sequence[Example], resident: Resident) -> None:
    """Refuse single texts for a bundle of pairs and the reverse.

    Raises
    ------
    FieldError
        Names the first such input.
    """
    try:
        check_form(resident.bundle, examples)
    except RowError as error:
        raise FieldError(error.problem, "inputs", error.row, "text_pair") from None
