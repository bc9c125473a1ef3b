"""What Argilla's and doccano's calls do, without HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from app.annotation.suggestions.schemas import (
    ArgillaItem,
    ArgillaRecord,
    ArgillaRequest,
    ArgillaResponse,
    ArgillaSuggestion,
    DoccanoLabel,
    DoccanoRequest,
    DoccanoResponse,
)
from app.annotation.verdicts import Verdict, verdicts
from app.augment.schemas import BundleReference, InputObject, Usage
from app.augment.service import check_pairs, examples_of
from app.errors import FieldError
from app.languages import tag_or_none
from app.runtime import Runtime
from app.settings.service import Settings
from xite_core.bundle.bundle import Bundle
from xite_core.types import Example


async def suggest(runtime: Runtime, request: ArgillaRequest) -> ArgillaResponse:
    """Suggest an answer to a label question for each record.

    Raises
    ------
    FieldError
        If a record lacks the field.
    XiteError, ServiceError
        See the table in `app.faults`.
    """
    resident = await runtime.residents.snapshot(request.bundle)
    bundle = resident.bundle
    if bundle.manifest.pairs and request.field_pair is None:
        raise FieldError(f"bundle {bundle.name!r} holds pairs: name the field of the other text", "field_pair")
    examples = _examples(request, runtime.settings, pairs=bundle.manifest.pairs)
    found = await verdicts(runtime, resident, examples, request)
    agent = agent_of(bundle)
    return ArgillaResponse(
        bundle=BundleReference(name=bundle.name, revision=bundle.revision),
        data=[
            _item(i, record, verdict, request.question, agent)
            for i, (record, verdict) in enumerate(zip(request.records, found, strict=True))
        ],
        usage=Usage(tokens=sum(verdict.n_tokens for verdict in found), texts=len(found)),
    )


async def label(runtime: Runtime, request: DoccanoRequest) -> DoccanoResponse:
    """Label one text.

    Raises
    ------
    XiteError, ServiceError
        See the table in `app.faults`.
    """
    resident = await runtime.residents.snapshot(request.bundle)
    given = InputObject(text=request.text, text_pair=request.text_pair, lang=request.lang)
    examples = examples_of([given], runtime.settings)
    check_pairs(examples, resident)
    (verdict,) = await verdicts(runtime, resident, examples, request)
    return DoccanoResponse(
        labels=[DoccanoLabel(label=verdict.label)] if verdict.label is not None else [],
        label=verdict.label,
        confidence=verdict.confidence,
        reason=verdict.reason,
        bundle=resident.bundle.name,
        revision=resident.bundle.revision,
        n_tokens=verdict.n_tokens,
        truncated=verdict.truncated,
    )


def agent_of(bundle: Bundle) -> str:
    """Who made a suggestion."""
    return f"xite/{bundle.name}@{bundle.revision}"


def _examples(request: ArgillaRequest, settings: Settings, *, pairs: bool) -> Sequence[Example]:
    if len(request.records) > settings.max_inputs:
        raise FieldError(f"{len(request.records)} records, at most {settings.max_inputs} in one request", "records")
    return [_example(i, record, request, settings.max_text_chars, pairs) for i, record in enumerate(request.records)]


def _example(i: int, record: ArgillaRecord, request: ArgillaRequest, limit: int, pairs: bool) -> Example:
    texts = [record.fields.get(name or "") for name in (request.field, request.field_pair)][: 1 + pairs]
    for name, text in zip((request.field, request.field_pair), texts, strict=False):
        if not isinstance(text, str) or len(text) > limit:
            raise FieldError(f"expected a text of at most {limit:,} characters", "records", i, "fields", name or "")
    try:
        given = InputObject(
            text=str(texts[0]),
            text_pair=str(texts[1]) if pairs else None,
            lang=tag_or_none(record.metadata.get("lang")),
        )
    except ValidationError:
        raise FieldError("a text is empty or not valid Unicode", "records", i, "fields") from None
    return Example(given.text, given.text_pair, None, None, given.lang)


def _item(index: int, record: ArgillaRecord, verdict: Verdict, question: str, agent: str) -> ArgillaItem:
    suggestions = {}
    if verdict.label is not None:
        suggestions[question] = ArgillaSuggestion(value=verdict.label, score=verdict.confidence, agent=agent)
    return ArgillaItem(
        index=index,
        id=record.id,
        suggestions=suggestions,
        reason=verdict.reason,
        n_tokens=verdict.n_tokens,
        truncated=verdict.truncated,
    )
