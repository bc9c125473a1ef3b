"""The label of each text, by matching or by the fine-tuned head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from app.annotation.portions import in_portions
from app.annotation.schemas import LabelChoices, MatchChoices
from app.errors import NoHeadError
from app.runtime import Resident, Runtime
from xite_core.errors import OptionError
from xite_core.options import AugmentOptions
from xite_core.types import AbstentionReason, AugmentedText, Example


@dataclass(frozen=True, slots=True)
class Verdict:
    """The label of a text; ``None`` with a reason where it is too uncertain."""

    label: str | None
    confidence: float
    reason: str | None
    n_tokens: int
    truncated: bool


def match_options(choices: MatchChoices, resident: Resident) -> AugmentOptions:
    """The bundle's options with the chosen ones in their place.

    Raises
    ------
    OptionError
        If k is larger than the bundle.
    """
    anchors = resident.bundle.anchors.ntotal
    options = resident.bundle.options.replaced(choices.model_dump(include=set(MatchChoices.model_fields) - {"bundle"}))
    if options.k > anchors:
        raise OptionError("k", options.k, f"at most {anchors}, the number of labeled examples")
    return options


async def verdicts(
    runtime: Runtime, resident: Resident, examples: Sequence[Example], choices: LabelChoices
) -> list[Verdict]:
    """Label any number of texts.

    Raises
    ------
    NoHeadError
        If the head is wanted and the revision was not fine-tuned.
    XiteError, ServiceError
        As `Runtime.augment` says.
    """
    options = match_options(choices, resident)

    async def by_match(portion: Sequence[Example]) -> list[Verdict]:
        made = await runtime.augment(resident, portion, options, interpolate=False)
        return [_matched(text) for text in made.texts]

    async def by_head(portion: Sequence[Example]) -> list[Verdict]:
        return await _classified(runtime, resident, portion, options.min_confidence or 0.0)

    parts = await in_portions(examples, by_head if choices.by == "head" else by_match)
    return list(chain.from_iterable(parts))


def _matched(text: AugmentedText) -> Verdict:
    match = text.match
    reason = str(match.reason) if match.reason else None
    return Verdict(match.label, match.confidence, reason, text.n_tokens, text.truncated)


async def _classified(
    runtime: Runtime, resident: Resident, portion: Sequence[Example], minimum: float
) -> list[Verdict]:
    predictor = resident.predictor
    if predictor is None:
        raise NoHeadError(resident.bundle.name, resident.bundle.revision)
    encoded = await runtime.encode(resident.encoder, portion)
    prediction = await runtime.in_pool(lambda: predictor.predict(portion, encoded=encoded))
    best = prediction.probabilities.max(axis=1).tolist()
    unreadable, found = encoded.unreadable, []
    for i, label in enumerate(prediction.labels):
        reason = None if best[i] >= minimum else str(AbstentionReason.MIN_CONFIDENCE)
        if unreadable[i]:
            reason = str(AbstentionReason.UNREADABLE)
        shown = None if reason else label
        found.append(Verdict(shown, best[i], reason, int(encoded.n_tokens[i]), bool(encoded.truncated[i])))
    return found
