"""Rows of JSONL and CSV files; a bad row is yielded as an error, so that a report can go on."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from xite_core.errors import InputError, RowError
from xite_core.records.parsing import RawRow

MAX_LINE = 16 * 2**20
"""Bytes of one line at most; a longer one is refused instead of filling the memory."""


def _lines(path: Path) -> Iterator[tuple[int, str | RowError]]:
    """Numbered lines as text; invalid UTF-8, NUL and overlong lines become errors."""
    with path.open("rb") as handle:
        number = 0
        while line := handle.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise RowError(path.name, number, f"longer than {MAX_LINE} bytes")
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            try:
                text = line.decode("utf8")
            except UnicodeDecodeError as error:
                yield number, RowError(path.name, number, f"not valid UTF-8 at byte {error.start + 1}; save the file as UTF-8")
                continue
            yield number, RowError(path.name, number, "holds a NUL character") if "\0" in text else text


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def jsonl_rows(path: Path) -> Iterator[RawRow | RowError]:
    """One object a line; blank lines are skipped."""
    for number, line in _lines(path):
        if isinstance(line, RowError):
            yield line
        elif line.strip():
            yield _json_row(path, number, line)


def _json_row(path: Path, number: int, line: str) -> RawRow | RowError:
    try:
        value = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        problem = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        return RowError(path.name, number, f"broken JSON ({problem}); expected one object a line")
    if not isinstance(value, dict):
        return RowError(path.name, number, "not an object; expected one such as {\"text\": \"...\"}")
    return RawRow(path.name, number, "line", value)


def csv_rows(path: Path) -> Iterator[RawRow | RowError]:
    """Comma-separated with a header line; quoted cells may hold line breaks."""
    bad: list[RowError] = []

    def decoded() -> Iterator[str]:
        for _, line in _lines(path):
            if isinstance(line, RowError):
                bad.append(line)
            else:
                yield line

    csv.field_size_limit(MAX_LINE)
    reader = csv.reader(decoded(), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if header and "" in header:
            raise InputError(f"{path.name}: the header has an empty column name")
        if len(set(header)) != len(header):
            raise InputError(f"{path.name}: the header names a column twice")
        for cells in reader:
            while bad:
                yield bad.pop(0)
            if not cells:
                continue
            if len(cells) != len(header):
                problem = f"{len(cells)} cells, the header has {len(header)}; quote cells that hold commas"
                yield RowError(path.name, reader.line_num, problem)
                continue
            yield RawRow(path.name, reader.line_num, "line", dict(zip(header, cells, strict=True)))
        yield from bad
    except csv.Error as error:
        raise RowError(path.name, reader.line_num, f"broken CSV ({error})") from error
