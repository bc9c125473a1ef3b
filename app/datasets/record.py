"""What is known of a stored dataset, as JSON values and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self

Kind = Literal["labeled", "unlabeled"]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out; ``unit`` is ``"line"`` for text files and ``"row"`` for tables, counted from 1."""

    unit: str
    number: int
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """Give the place under the unit's own name, as the interface has it."""
        return {self.unit: self.number, "detail": self.detail}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `as_dict` gave."""
        unit = "line" if "line" in values else "row"
        return cls(unit, int(values[unit]), str(values["detail"]))


@dataclass(frozen=True, slots=True)
class BadRows:
    """How many rows were left out, and the first of them."""

    count: int = 0
    listed: tuple[BadRow, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Give JSON values."""
        return {"count": self.count, "listed": [row.as_dict() for row in self.listed]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `as_dict` gave."""
        return cls(int(values["count"]), tuple(map(BadRow.from_dict, values["listed"])))


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """A stored dataset.

    Parameters
    ----------
    id : str
        ``ds_`` and hexadecimal digits; later datasets sort later.
    name : str
        The user's name for it; any text, never a path.
    created_at : int
        Unix time in seconds.
    bytes : int
        Size of the file that was uploaded.
    rows : int
        Rows that are kept.
    labels, languages : mapping of str to int
        Rows of each label and of each stated language.
    pairs, labeled : bool
        Whether the rows are text pairs, and whether each has a label.
    bad_rows : BadRows
        Rows that were left out.
    repeated_id : str, optional
        An id that several rows have: texts can be augmented with it, a bundle needs ids of its own for its rows.
    """

    id: str
    name: str
    created_at: int
    bytes: int
    rows: int
    labels: Mapping[str, int]
    languages: Mapping[str, int]
    pairs: bool
    labeled: bool
    bad_rows: BadRows = field(default_factory=BadRows)
    repeated_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give JSON values; what is optional only where there is something, so that earlier versions read the rest."""
        values = {**asdict(self), "object": "dataset", "bad_rows": self.bad_rows.as_dict()}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `as_dict` gave, here or in a later version.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is something else.
        """
        given = {item.name: values[item.name] for item in fields(cls) if item.name in values}
        return cls(**{**given, "bad_rows": BadRows.from_dict(values["bad_rows"])})
