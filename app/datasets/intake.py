"""The rows of an uploaded file: good ones on, bad ones into the report, everything counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import ClassVar

from app.datasets.parquet import check_parquet
from app.datasets.record import BadRow, BadRows, Kind
from xite_core.errors import InputError, RowError
from xite_core.records.readers import scan_examples
from xite_core.types import Example

LOOKED_AT = 1000
"""Rows that are looked at to tell whether a file is labeled, where the user did not say."""

MAX_NAMES = 1000
"""Different labels, and different languages, at most: more means that the column is the wrong one."""

MAX_DETAIL = 500
"""Characters of what is said about a bad row, which may quote it."""

_LENGTHS = {"id": 512, "label": 512, "lang": 35}


@dataclass(frozen=True, slots=True)
class Upload:
    """What the user says about a file.

    Parameters
    ----------
    name : str
        For the record.
    lang : str, optional
        Language of rows that state none.
    kind : str, optional
        ``labeled`` or ``unlabeled``; told from the first rows where not given.
    columns : mapping of str to str
        The file's names of the fields, where they differ.
    """

    name: str
    lang: str | None = None
    kind: Kind | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a dataset may hold.

    Parameters
    ----------
    bytes : int
        Of the file; decoded, its rows may have `DECODED` times as many characters.
    rows : int
        Good and bad ones.
    text_chars : int
        Characters of a text or of one side of a pair; a longer one makes a bad row.
    listed : int
        Bad rows that the report lists.
    """

    bytes: int = 268_435_456
    rows: int = 5_000_000
    text_chars: int = 100_000
    listed: int = 100

    DECODED: ClassVar[int] = 4

    @property
    def decoded(self) -> int:
        """Characters of all rows, and bytes that a Parquet file says it decodes to."""
        return self.DECODED * self.bytes


class Intake:
    """Reads a file and keeps count.

    Parameters
    ----------
    path : Path
        The suffix decides the format.
    upload : Upload
        What is said about it.
    limits : Limits
        How much it may hold.

    Raises
    ------
    InputError
        If the file as a whole cannot be read.
    """

    def __init__(self, path: Path, upload: Upload, limits: Limits) -> None:
        self.path, self.upload, self.limits = path, upload, limits
        if path.suffix == ".parquet":
            check_parquet(path, upload.columns, max_rows=limits.rows, max_bytes=limits.decoded)
        self.labeled = upload.kind == "labeled" or (upload.kind is None and self._looks_labeled())
        self.pairs: bool | None = None
        self.rows = 0
        self.labels: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self._bad = 0
        self._listed: list[BadRow] = []
        self._characters = 0

    @property
    def bad_rows(self) -> BadRows:
        """The report on what was left out so far."""
        return BadRows(self._bad, tuple(self._listed))

    def examples(self) -> Iterator[Example]:
        """Give the good rows.

        Raises
        ------
        InputError
            If there are too many rows, characters, labels or languages, or the file ends in the middle.
        """
        rows = scan_examples(self.path, labeled=self.labeled, columns=self.upload.columns, check=self._problem)
        for row in rows:
            if self.rows + self._bad == self.limits.rows:
                raise InputError(f"more than {self.limits.rows:,} rows; split the file")
            if isinstance(row, RowError):
                self._leave_out(row)
            else:
                yield self._counted(row)

    def _counted(self, row: Example) -> Example:
        self.pairs = row.text_pair is not None
        row = row if row.lang is not None else replace(row, lang=self.upload.lang)
        self.rows += 1
        for field_name, counter, value in (("label", self.labels, row.label), ("lang", self.languages, row.lang)):
            if value is not None:
                counter[value] += 1
                if len(counter) > MAX_NAMES:
                    raise InputError(f"more than {MAX_NAMES:,} different values of {field_name!r}: is it that column?")
        return row

    def _leave_out(self, row: RowError) -> None:
        self._bad += 1
        if len(self._listed) < self.limits.listed:
            self._listed.append(BadRow(row.unit, row.row, row.problem[:MAX_DETAIL]))

    def _problem(self, row: Example) -> str | None:
        """What is wrong with a row that could be read; rows that are left out count against the limit too."""
        self._characters += sum(len(value or "") for value in (row.text, row.text_pair, row.label, row.id))
        if self._characters > self.limits.decoded:
            raise InputError(f"its rows hold more than {self.limits.decoded:,} characters; split the file")
        for name in ("text", "text_pair"):
            length = len(getattr(row, name) or "")
            if length > self.limits.text_chars:
                return f"{name!r} has {length:,} characters, expected at most {self.limits.text_chars:,}"
        for name, limit in _LENGTHS.items():
            length = len(getattr(row, name) or "")
            if length > limit:
                return f"{name!r} has {length:,} characters, expected at most {limit}"
        if self.pairs is not None and self.pairs != (row.text_pair is not None):
            first = "text pairs" if self.pairs else "single texts"
            return f"'text_pair' is {'missing' if self.pairs else 'given'}, but the rows before hold {first}"
        return None

    def _looks_labeled(self) -> bool:
        if "label" in self.upload.columns:
            return True
        try:
            rows = islice(scan_examples(self.path, labeled=True, columns=self.upload.columns), LOOKED_AT)
            return any(isinstance(row, Example) for row in rows)
        except InputError:
            return False
