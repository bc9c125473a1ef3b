"""One augmented text in the words of each tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from xml.sax.saxutils import quoteattr

Row = Mapping[str, Any]
"""A row of `xite_core.records.rows.AUGMENTED`, the columns of `COLUMNS` at least."""

COLUMNS = (
    "id", "text", "text_pair", "lang", "status", "reason", "label", "confidence", "source_text", "bundle", "revision",
)  # fmt: skip
_FACTS = ("lang", "status", "reason", "confidence", "source_text", "bundle", "revision")


class Format(Protocol):
    """Makes a tool's record of a row."""

    def __call__(self, row: Row) -> dict[str, Any]:
        """Give the record."""


def label_studio_task(row: Row, control: str = "label", shown: str = "text") -> dict[str, Any]:
    """A Label Studio task with its prediction; an empty one with score 0 where the text was abstained.

    Parameters
    ----------
    row : mapping
        The augmented text.
    control, shown : str
        Names of the ``Choices`` and of the ``Text`` tag in the labeling configuration.
    """
    data = {"text": row["text"], **_some(row, "text_pair", "id", "lang", "source_text")}
    region = {
        "from_name": control,
        "to_name": shown,
        "type": "choices",
        "value": {"choices": [row["label"]]},
    }
    labeled = row["label"] is not None
    prediction = {
        "model_version": row["revision"],
        "score": row["confidence"] if labeled else 0.0,
        "result": [region] if labeled else [],
    }
    return {"data": data, "predictions": [prediction]}


def label_studio_configuration(labels: Sequence[str], *, pairs: bool = False) -> str:
    """The labeling configuration that `label_studio_task` fits."""
    texts = '<Text name="text" value="$text"/>' + '<Text name="text_pair" value="$text_pair"/>' * pairs
    choices = "".join(f"<Choice value={quoteattr(label)}/>" for label in labels)
    return f'<View>{texts}<Choices name="label" toName="text" choice="single">{choices}</Choices></View>'


def argilla_record(row: Row, question: str = "label") -> dict[str, Any]:
    """An Argilla record, as ``Record.from_dict`` takes it, with a suggestion where there is a label."""
    agent = f"xite/{row['bundle']}@{row['revision']}"
    suggestion = {"value": row["label"], "score": row["confidence"], "agent": agent}
    return {
        "id": row["id"],
        "fields": {"text": row["text"], **_some(row, "text_pair")},
        "metadata": _some(row, *_FACTS),
        "suggestions": {question: suggestion} if row["label"] is not None else {},
        "responses": {},
        "vectors": {},
    }


def doccano_line(row: Row) -> dict[str, Any]:
    """A line for doccano's text classification; a pair is one text with an empty line between.

    Every line has the same names: doccano makes NaN of one that is missing, and then cannot store it.
    """
    pair = row["text_pair"]
    text = row["text"] if pair is None else f"{row['text']}\n\n{pair}"
    labels = [row["label"]] if row["label"] is not None else []
    return {"text": text, "label": labels, **{name: row[name] for name in ("id", *_FACTS)}}


def _some(row: Row, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names if row[name] is not None}
