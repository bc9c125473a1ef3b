"""What ``/predict`` does, without HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from app.augment.service import check_pairs, examples_of
from app.errors import NoHeadError
from app.predict.schemas import PredictRequest
from app.runtime import Resident, Runtime
from xite_core.finetune.predictor import Prediction
from xite_core.types import Encoded, Example


@dataclass(frozen=True, slots=True)
class Outcome:
    """A prediction and the revision that made it."""

    resident: Resident
    examples: Sequence[Example]
    encoded: Encoded
    prediction: Prediction


async def predict(runtime: Runtime, request: PredictRequest) -> bytes:
    """Classify the inputs with the active revision's head and render the answer.

    Raises
    ------
    NoHeadError
        If that revision was not fine-tuned.
    XiteError, ServiceError
        See the table in `app.faults`.
    """
    examples = examples_of(request.inputs, runtime.settings)
    resident = await runtime.residents.snapshot(request.bundle)
    predictor = resident.predictor
    if predictor is None:
        raise NoHeadError(resident.bundle.name, resident.bundle.revision)
    check_pairs(examples, resident)
    encoded = await runtime.encode(resident.encoder, examples)

    def answer() -> bytes:
        return rendered(Outcome(resident, examples, encoded, predictor.predict(examples, encoded=encoded)))

    return await runtime.in_pool(answer)


def rendered(outcome: Outcome) -> bytes:
    """The body of the answer."""
    bundle, encoded = outcome.resident.bundle, outcome.encoded
    labels, probabilities = outcome.prediction
    data = [
        {
            "index": i,
            "id": example.id,
            "label": labels[i],
            "probabilities": dict(zip(bundle.labels, probabilities[i].tolist(), strict=True)),
            "n_tokens": int(encoded.n_tokens[i]),
            "truncated": bool(encoded.truncated[i]),
            "unreadable": bool(encoded.unreadable[i]),
        }
        for i, example in enumerate(outcome.examples)
    ]
    body = {
        "object": "list",
        "bundle": {"name": bundle.name, "revision": bundle.revision},
        "data": data,
        "usage": {"tokens": int(encoded.n_tokens.sum()), "texts": len(data)},
    }
    return orjson.dumps(body)
