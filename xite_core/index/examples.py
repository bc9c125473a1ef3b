"""The texts, labels and ids beside the vectors: one Arrow IPC file, memory-mapped."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xite_core.errors import BundleDamagedError, RowError
from xite_core.storage import atomic_file
from xite_core.types import Example, IntArray

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("text_pair", pa.string()),
        pa.field("label", pa.dictionary(pa.int32(), pa.string())),
        pa.field("lang", pa.dictionary(pa.int32(), pa.string())),
    ]
)
_BATCH = 8192


class ExampleTable:
    """Examples by row number, read from a memory-mapped file that is never changed.

    Parameters
    ----------
    path : Path
        What `ExampleWriter` wrote.

    Raises
    ------
    BundleDamagedError
        If it is missing or not such a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # the reader keeps the map alive; dictionaries grow from batch to batch and are complete in every one
            reader = pa.ipc.open_file(pa.memory_map(str(path), "r"))
            self._batches: list[Any] = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        except (OSError, pa.ArrowInvalid) as error:
            raise BundleDamagedError(f"{path}: not a readable table of examples ({error})") from error
        if reader.schema.names != SCHEMA.names:
            raise BundleDamagedError(f"{path}: columns {reader.schema.names}, expected {SCHEMA.names}")
        self._starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])
        names: list[str] = self._batches[0].column("label").dictionary.to_pylist() if self._batches else []
        self.labels: tuple[str, ...] = tuple(sorted(names))
        """Label names, sorted; the order of the codes."""
        self.label_codes: IntArray = self._codes(names)
        """Code of each row's label, int64 (n,); -1 where it has none."""

    def __len__(self) -> int:
        return int(self._starts[-1])

    def example(self, row: int) -> Example:
        """Give the example of one row."""
        return self.take(np.array([row]))[0]

    def take(self, rows: IntArray | Sequence[int]) -> list[Example]:
        """Examples of some rows, in the order given, repeated where a row is.

        Raises
        ------
        IndexError
            If a row is out of range.
        """
        wanted, places = np.unique(np.asarray(rows, np.int64), return_inverse=True)
        if not len(wanted):
            return []
        if wanted[0] < 0 or wanted[-1] >= len(self):
            raise IndexError(f"rows {wanted[0]} to {wanted[-1]} of a table with {len(self)}")
        owners = np.searchsorted(self._starts, wanted, "right") - 1
        found: list[Example] = []
        for owner in np.unique(owners):
            local = wanted[owners == owner] - self._starts[owner]
            found.extend(_examples(self._batches[owner].take(pa.array(local))))
        return [found[place] for place in places]

    def chunks(self, size: int) -> Iterator[list[Example]]:
        """Go through all examples in the order of the rows."""
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self))))

    def rows_of(self, ids: Iterable[str]) -> dict[str, int]:
        """Find the row of each id; ids that are not in the table are left out."""
        values = pa.array(sorted(set(ids)), pa.string())
        found: dict[str, int] = {}
        for start, batch in zip(self._starts, self._batches, strict=False):
            names = batch.column("id")
            hits = np.flatnonzero(pc.is_in(names, value_set=values).to_numpy(zero_copy_only=False))
            found.update(zip(names.take(pa.array(hits)).to_pylist(), (hits + start).tolist(), strict=True))
        return found

    def _codes(self, names: list[str]) -> IntArray:
        """Label codes in the order of the sorted names."""
        rank = {name: code for code, name in enumerate(self.labels)}
        order = np.array([*(rank[name] for name in names), -1], np.int64)  # the last stands for a missing label
        parts = [
            pc.fill_null(batch.column("label").indices, len(names)).to_numpy(zero_copy_only=False)
            for batch in self._batches
        ]
        codes: IntArray = order[np.concatenate([np.zeros(0, np.int32), *parts])]
        return codes


class ExampleWriter:
    """Stream examples into a file that `ExampleTable` reads; use it as a context manager.

    Ids are unique: rows without one are called ``row-<n>``.

    Parameters
    ----------
    path : Path
        The file; it appears under its name when the block ends without an error.

    Raises
    ------
    StorageError
        If the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        self._ids: set[str] = set()
        self._labels: dict[str, int] = {}
        self._langs: dict[str, int] = {}
        self._codes = array("q")
        self._pending: list[Example] = []

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names so far, sorted."""
        return tuple(sorted(self._labels))

    @property
    def label_codes(self) -> IntArray:
        """Codes of the rows so far in the order of `labels`, int64 (n,); -1 where there is none."""
        rank = {name: code for code, name in enumerate(self.labels)}
        order = np.array([*(rank[name] for name in self._labels), -1], np.int64)
        return order[np.array(self._codes, np.int64)]

    def __enter__(self) -> Self:
        temporary = self._stack.enter_context(atomic_file(self.path))
        options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
        try:
            sink = self._stack.enter_context(pa.OSFile(str(temporary), "wb"))
            self._writer = self._stack.enter_context(pa.ipc.new_file(sink, SCHEMA, options=options))
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def add(self, examples: Sequence[Example]) -> None:
        """Append examples.

        Raises
        ------
        RowError
            If an id stands twice.
        """
        for example in examples:
            name = self._own_name(example.id)
            self._ids.add(name)
            label = -1 if example.label is None else self._labels.setdefault(example.label, len(self._labels))
            self._codes.append(label)
            if example.lang is not None:
                self._langs.setdefault(example.lang, len(self._langs))
            self._pending.append(Example(example.text, example.text_pair, example.label, name, example.lang))
            if len(self._pending) == _BATCH:
                self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if error is None:
            try:
                self._flush()
            except BaseException as failed:
                self._stack.__exit__(type(failed), failed, failed.__traceback__)
                raise
        return self._stack.__exit__(kind, error, trace)

    def _own_name(self, given: str | None) -> str:
        row = len(self)
        if given is not None:
            if given in self._ids:
                raise RowError("examples", row, f"the id {json.dumps(given)} is taken; ids have to be unique", "item")
            return given
        name, copy = f"row-{row}", 1
        while name in self._ids:
            name, copy = f"row-{row}-{copy}", copy + 1
        return name

    def _flush(self) -> None:
        if not self._pending:
            return
        columns = [
            pa.array([example.id for example in self._pending], pa.string()),
            pa.array([example.text for example in self._pending], pa.string()),
            pa.array([example.text_pair for example in self._pending], pa.string()),
            _encoded([example.label for example in self._pending], self._labels),
            _encoded([example.lang for example in self._pending], self._langs),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=SCHEMA))
        self._pending.clear()


def _encoded(values: Sequence[str | None], codes: dict[str, int]) -> Any:
    indices = pa.array([None if value is None else codes[value] for value in values], pa.int32())
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(codes), pa.string()))


def _examples(batch: Any) -> list[Example]:
    names = ("text", "text_pair", "label", "id", "lang")
    return [Example(*values) for values in zip(*(batch.column(name).to_pylist() for name in names), strict=True)]
