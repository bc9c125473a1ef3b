"""Augmented files as files for annotation tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa

from app.annotation.exports.formats import (
    COLUMNS,
    Format,
    Row,
    argilla_record,
    doccano_line,
    label_studio_task,
)
from app.annotation.exports.reading import augmented_rows
from xite_core.errors import InputError
from xite_core.records.rows import AUGMENTED
from xite_core.records.writers import check_target, write_batches
from xite_core.storage import atomic_file

TABLE = pa.schema([AUGMENTED.field(name) for name in COLUMNS])
"""Columns of a table: one row a text, without vectors."""

_BATCH = 1024


class Kind(StrEnum):
    """What an augmented file is exported for."""

    LABEL_STUDIO = "label-studio"
    ARGILLA = "argilla"
    DOCCANO = "doccano"
    TABLE = "table"


def export_file(source: Path, target: Path, kind: Kind, question: str = "label") -> int:
    """Write the texts of an augmented file for a tool; the number of texts.

    Parameters
    ----------
    source : Path
        What ``xite augment`` wrote.
    target : Path
        ``.json`` for Label Studio and Argilla, ``.jsonl`` for doccano, and for a table ``.parquet``, ``.csv``,
        ``.jsonl`` or no suffix, for a Hugging Face dataset directory.
    kind : Kind
        The tool.
    question : str
        Name of the ``Choices`` tag, or of the question.

    Raises
    ------
    InputError, RowError
        If the source is no such file, or the target's suffix is not the tool's.
    StorageError
        If the disk refuses.
    """
    count = _Counter(augmented_rows(source))
    if target.exists() and source.resolve() == target.resolve():
        raise InputError(f"{target}: would overwrite the input; choose another name")
    if kind is Kind.TABLE:
        check_target(target)
        write_batches(target, TABLE, _tables(count))
        return count.seen
    suffix, form, write = _tool(kind, question)
    if target.suffix.lower() != suffix:
        raise InputError(f"{target}: expected a name that ends in {suffix} for {kind}")
    with atomic_file(target) as temporary:
        write(temporary, _made(form, count))
    return count.seen


def _tool(kind: Kind, question: str) -> tuple[str, Format, Callable[[Path, Iterable[str]], None]]:
    """Suffix of the file, form of a record, and how records are written."""
    if kind is Kind.LABEL_STUDIO:
        return ".json", partial(label_studio_task, control=question), _write_array
    if kind is Kind.ARGILLA:
        return ".json", partial(argilla_record, question=question), _write_array
    return ".jsonl", doccano_line, _write_lines


class _Counter:
    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows, self.seen = rows, 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.seen += 1
            yield row


def _made(form: Format, rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(form(row), ensure_ascii=False, allow_nan=False)


def _write_array(path: Path, records: Iterable[str]) -> None:
    with path.open("w", encoding="utf8") as handle:
        for i, record in enumerate(records):
            handle.write(("[\n" if i == 0 else ",\n") + record)
        handle.write("\n]\n" if handle.tell() else "[]\n")


def _write_lines(path: Path, records: Iterable[str]) -> None:
    with path.open("w", encoding="utf8") as handle:
        handle.writelines(record + "\n" for record in records)


def _tables(rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    left = iter(rows)
    while part := list(islice(left, _BATCH)):
        yield pa.RecordBatch.from_pylist([{name: row[name] for name in COLUMNS} for row in part], schema=TABLE)
