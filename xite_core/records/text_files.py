"""Rows of JSONL and CSV files; a bad row is yielded as an error, so that a report can go on."""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from xite_core.errors import InputError, RowError
from xite_core.records.parsing import RawRow, Wanted

MAX_LINE = 16 * 2**20
"""Bytes of one line, and characters of one CSV cell, at most: more is refused instead of filling the memory."""

REREAD = 64 * 2**20
"""Characters of a CSV file that are read a second time after broken rows, in all; a hostile file could ask for more."""

_BOM = b"\xef\xbb\xbf"


def jsonl_rows(path: Path, wanted: Wanted) -> Iterator[RawRow | RowError]:
    """Read one object a line; blank lines are skipped."""
    for number, line in _lines(path):
        if isinstance(line, RowError):
            yield line
        elif line.strip():
            yield _json_row(path, number, line)


def csv_rows(path: Path, wanted: Wanted) -> Iterator[RawRow | RowError]:
    """Read comma-separated rows after a header line; quoted cells may hold line breaks.

    Raises
    ------
    InputError
        If the header lacks a column, repeats one or has an empty name.
    """
    source = _CsvLines(path)
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))
    reader = csv.reader(source, strict=True)
    header: list[str] | None = None
    while True:
        source.begin_row()
        cells, problem = _next_cells(reader)
        errors = source.taken_errors()
        if problem is not None:
            again = source.go_on_after_first()
            errors.append(RowError(path.name, source.first, problem + ("" if again else source.extent)))
        elif header is not None and cells and len(cells) != len(header):
            wanted_cells = f"the header has {len(header)}; cells that hold commas need double quotes"
            problem = f"{len(cells)} cells, {wanted_cells}{source.extent}"
            errors.append(RowError(path.name, source.first, problem))
        if errors and header is None:
            raise errors[0]  # no row that follows can stand for the header
        yield from errors
        if cells is None:
            return
        if header is None:
            header = _header(path, cells, wanted)
        elif cells and problem is None and not any(error.row > source.first for error in errors):
            yield RawRow(path.name, source.first, "line", dict(zip(header, cells, strict=True)))


def _next_cells(reader: Iterator[list[str]]) -> tuple[list[str] | None, str | None]:
    """The cells of the next row, none after the last, and why they cannot be told."""
    try:
        return next(reader, None), None
    except csv.Error as error:
        return [], f"broken CSV ({error}); expected cells as RFC 4180 quotes them"


class _CsvLines:
    """Lines for the CSV reader; those that are no text are set aside.

    After a row whose cells cannot be told it goes on with the line after the one where that began: a quote that is
    never closed takes all lines up to the next quote with it. What is read again has a bound, `REREAD`.
    """

    def __init__(self, path: Path) -> None:
        self._number = 0
        self._lines = _lines(path)
        self._row: list[tuple[int, str]] = []
        self._size, self._left = 0, REREAD
        self._again: deque[tuple[int, str]] = deque()
        self._errors: list[RowError] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while True:
            self._number, line = self._again.popleft() if self._again else next(self._lines)
            if not isinstance(line, RowError):
                self._size += len(line)
                if self._size <= self._left or not self._row:  # the first line alone says where the row is
                    self._row.append((self._number, line))
                return line
            self._errors.append(line)

    @property
    def first(self) -> int:
        """Number of the line where this row begins."""
        return self._row[0][0] if self._row else self._number

    @property
    def extent(self) -> str:
        """Where a row of several lines ends, in words; nothing for one of a single line."""
        return f" (up to line {self._number})" if self._number > self.first else ""

    def begin_row(self) -> None:
        """Forget the lines of the row before."""
        self._row, self._size = [], 0

    def go_on_after_first(self) -> bool:
        """Give the lines of this row again, but for the first; not where that would be too much."""
        if self._size > self._left:
            return False
        self._left -= self._size
        self._again.extendleft(reversed(self._row[1:]))
        return True

    def taken_errors(self) -> list[RowError]:
        """Give the errors since the last call."""
        errors, self._errors = self._errors, []
        return errors


def _lines(path: Path) -> Iterator[tuple[int, str | RowError]]:
    """Give the numbered, decoded lines."""
    with path.open("rb") as handle:
        number = 0
        while line := handle.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                yield number, RowError(path.name, number, f"longer than {MAX_LINE} bytes")
                while line and not line.endswith(b"\n"):
                    line = handle.readline(MAX_LINE)
                continue
            try:
                text = (line.removeprefix(_BOM) if number == 1 else line).decode("utf8")
            except UnicodeDecodeError as error:
                problem = f"not valid UTF-8 at byte {error.start + 1} of the line; save the file as UTF-8"
                yield number, RowError(path.name, number, problem)
                continue
            if "\0" in text:
                yield number, RowError(path.name, number, "holds a NUL character; save the file as plain UTF-8 text")
                continue
            yield number, text


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON, write null")


def _json_row(path: Path, number: int, line: str) -> RawRow | RowError:
    try:
        value = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        problem = f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        return RowError(path.name, number, f"broken JSON ({problem}); expected one object a line")
    if not isinstance(value, dict):
        return RowError(path.name, number, 'not an object; expected one a line, such as {"text": "..."}')
    return RawRow(path.name, number, "line", value)


def _header(path: Path, cells: list[str], wanted: Wanted) -> list[str]:
    header = [name.strip() for name in cells]
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and sign in header[0]:
            raise InputError(f"{path}: the header is separated by {name}; save the file with commas between the cells")
    wanted.check_header(path, header)
    if "" in header:
        raise InputError(f"{path}: the header has a column without a name")
    if len(set(header)) != len(header):
        raise InputError(f"{path}: the header names a column twice")
    return header
