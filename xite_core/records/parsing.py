"""One raw row to an Example: types, required fields, usable text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xite_core.errors import RowError
from xite_core.types import Example

FIELDS = ("text", "text_pair", "label", "id", "lang")


@dataclass(frozen=True, slots=True)
class RawRow:
    """The cells of one row and where it stands."""

    where: str
    number: int
    unit: str
    cells: Mapping[str, Any]


def parse_row(raw: RawRow, labeled: bool, columns: Mapping[str, str]) -> Example | RowError:
    """An Example, or what is wrong with the row."""
    try:
        cells = {field: raw.cells.get(columns.get(field, field)) for field in FIELDS}
        if columns.get("text", "text") not in raw.cells:
            raise ValueError(f"no {columns.get('text', 'text')!r}; found {', '.join(map(repr, raw.cells)) or 'nothing'}")
        return Example(
            text=_text(cells["text"], "text"),
            text_pair=None if _absent(cells["text_pair"]) else _text(cells["text_pair"], "text_pair"),
            label=_label(cells["label"]) if labeled else None,
            id=_name(cells["id"], "id"),
            lang=_name(cells["lang"], "lang"),
        )
    except ValueError as error:
        return RowError(raw.where, raw.number, str(error), raw.unit)


def _absent(value: object) -> bool:
    return value is None or value == ""


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{field!r} is {_kind(value)}, expected a string")
    if not value.strip():
        raise ValueError(f"{field!r} is empty, expected some text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{field!r} holds a lone surrogate, expected valid Unicode") from None
    return value


def _label(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or _absent(value):
        raise ValueError(f"'label' is {_kind(value)}, expected a string or a number")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("'label' is not a number, expected a string or a number")
        if value.is_integer():
            value = int(value)
    label = str(value).strip()
    if not label:
        raise ValueError("'label' is empty, expected a string or a number")
    return label


def _name(value: object, field: str) -> str | None:
    if _absent(value):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{field!r} is {_kind(value)}, expected a string")
    return str(value)


def _kind(value: object) -> str:
    if value is None:
        return "missing"
    if value == "":
        return "empty"
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object", str: "a string"}
    return names.get(type(value), type(value).__name__)
