"""Tasks as texts to label, and labels as predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from app.annotation.label_studio.configuration import Labeling
from app.annotation.label_studio.schemas import Prediction
from app.annotation.verdicts import Verdict
from app.augment.schemas import InputObject
from app.languages import tag_or_none
from xite_core.types import Example

NOTHING = 0.0
"""Score of an empty prediction: below that of any label, so that sorting by score brings it to an annotator first."""

UNKNOWN_CHOICE = "label_is_no_choice"


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a task has no text to label."""

    reason: str


def read_task(task: Any, labeling: Labeling, max_chars: int) -> Example | Unusable:
    """The text or pair of a task; its ``lang``, where the data has one, is the language.

    Parameters
    ----------
    task : Any
        As Label Studio sends it: an object with ``data``.
    labeling : Labeling
        Which keys hold the texts.
    max_chars : int
        Longer texts are unusable.
    """
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict):
        return Unusable("the task has no data")
    found: list[str] = []
    for text in labeling.texts:
        value = _at(data, text.key)
        if not isinstance(value, str):
            return Unusable(f"data.{text.key} is {'missing' if value is None else 'not a text'}")
        if len(value) > max_chars:
            return Unusable(f"data.{text.key} has more than {max_chars:,} characters")
        found.append(value)
    try:
        given = InputObject(
            text=found[0], text_pair=found[1] if len(found) == 2 else None, lang=tag_or_none(data.get("lang"))
        )
    except ValidationError as error:
        return Unusable(f"data.{labeling.texts[error.errors()[0]['loc'][0] == 'text_pair'].key} is empty or no text")
    return Example(given.text, given.text_pair, None, None, given.lang)


def predicted(verdict: Verdict, labeling: Labeling, revision: str) -> Prediction:
    """A verdict as a prediction: empty where there is no label, or where it is no choice of the project."""
    if verdict.label is None:
        return nothing(str(verdict.reason), revision)
    choice = labeling.said.get(verdict.label)
    if choice is None:
        return nothing(UNKNOWN_CHOICE, revision)
    control = labeling.control
    region = {
        "from_name": control.name,
        "to_name": control.to_names[0],
        "type": control.kind,
        "value": control.value(choice),
    }
    return Prediction(result=[region], score=verdict.confidence, model_version=revision)


def nothing(reason: str, revision: str) -> Prediction:
    """An empty prediction."""
    return Prediction(result=[], score=NOTHING, model_version=revision, reason=reason)


def _at(data: Mapping[str, Any], key: str) -> Any:
    """The value under a key or, with dots, inside of nested objects."""
    if key in data:
        return data[key]
    value: Any = data
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
