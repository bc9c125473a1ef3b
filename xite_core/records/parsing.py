"""One raw row to an Example: types, required fields, usable text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from xite_core.errors import InputError, RowError
from xite_core.languages import is_tag
from xite_core.types import Example

FIELDS = ("text", "text_pair", "label", "id", "lang")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be read from a file.

    Parameters
    ----------
    labeled : bool
        Whether every row needs a label; labels are ignored otherwise.
    columns : mapping of str to str
        The file's names for the fields, where they differ.
    """

    labeled: bool
    columns: Mapping[str, str]

    def names(self) -> dict[str, str]:
        """Give the file's name of each field that is read."""
        return {field: self.columns.get(field, field) for field in FIELDS if self.labeled or field != "label"}

    def required(self) -> list[str]:
        """Give the columns that the file must have: text, the label, and those that were named on purpose."""
        names = self.names()
        return [names[field] for field in names if field == "text" or field == "label" or field in self.columns]

    def missing(self, found: Iterable[str]) -> str | None:
        """Say which column is missing and which there are; ``None`` where all are there."""
        found = list(found)
        for name in self.required():
            if name not in found:
                return f"no column {name!r}; found {', '.join(map(repr, found)) or 'none'}"
        return None

    def check_header(self, where: object, found: Iterable[str]) -> None:
        """Refuse a table that lacks a column.

        Raises
        ------
        InputError
            Names the missing column and those found.
        """
        problem = self.missing(found)
        if problem:
            raise InputError(f"{where}: {problem}")


@dataclass(frozen=True, slots=True)
class RawRow:
    """The cells of one row and where it stands."""

    where: str
    number: int
    unit: str
    cells: Mapping[str, Any]


def parse_row(raw: RawRow, wanted: Wanted) -> Example | RowError:
    """Make an Example, or say what is wrong with the row."""
    try:
        names = wanted.names()
        cells = {field: raw.cells.get(name) for field, name in names.items()}
        for field in ("text", "label"):
            if field in names and names[field] not in raw.cells:
                found = ", ".join(map(repr, raw.cells)) or "nothing"
                raise ValueError(f"no {names[field]!r}; found {found}")
        return Example(
            text=_text(cells["text"], names["text"]),
            text_pair=None if _absent(cells["text_pair"]) else _text(cells["text_pair"], names["text_pair"]),
            label=_label(cells["label"], names["label"]) if wanted.labeled else None,
            id=None if _absent(cells["id"]) else _name(cells["id"], names["id"]),
            lang=None if _absent(cells["lang"]) else _tag(cells["lang"], names["lang"]),
        )
    except ValueError as error:
        return RowError(raw.where, raw.number, str(error), raw.unit)


def _absent(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name!r} is {_kind(value)}, expected a string")
    if "\0" in value:
        raise ValueError(f"{name!r} holds a NUL character, expected text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name!r} holds half a surrogate pair, expected valid Unicode") from None
    return value


def _text(value: object, name: str) -> str:
    text = _string(value, name)
    if not text.strip():
        raise ValueError(f"{name!r} is empty, expected some text")
    return text


def _name(value: object, name: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _string(value, name)


def _tag(value: object, name: str) -> str:
    tag = _string(value, name).strip()
    if not is_tag(tag):
        raise ValueError(f"{name!r} is {tag[:40]!r}, expected a language tag such as ko or pt-BR")
    return tag


def _label(value: object, name: str) -> str:
    """Numbers become strings; 1.0 is 1, since a table with gaps turns whole numbers into such."""
    if _absent(value):
        raise ValueError(f"{name!r} is {_kind(value)}, expected the row's label")
    if isinstance(value, float) and math.isfinite(value):
        value = int(value) if value.is_integer() else value
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value in (math.inf, -math.inf):
        raise ValueError(f"{name!r} is {_kind(value)}, expected a string or a number")
    label = _string(str(value), name).strip()
    if not label:
        raise ValueError(f"{name!r} is empty, expected the row's label")
    return label


def _kind(value: object) -> str:
    if value is None or value == "":
        return "missing" if value is None else "empty"
    if isinstance(value, float) and not math.isfinite(value):
        return "not a finite number"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        bytes: "bytes",
    }
    return names.get(type(value), f"of type {type(value).__name__}")
