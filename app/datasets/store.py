"""Datasets under one directory: ``HOME/datasets/ds_.../`` with ``rows.parquet`` and ``dataset.json``."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import structlog

from app.datasets.intake import Intake, Limits, Upload
from app.datasets.record import DatasetRecord
from app.errors import DatasetDamagedError, DatasetNotFoundError, DatasetRefusedError
from xite_core.errors import InputError
from xite_core.storage import atomic_directory, storage_errors
from xite_core.types import Example

ROWS, RECORD = "rows.parquet", "dataset.json"
SCHEMA = pa.schema(
    [
        pa.field("text", pa.string(), nullable=False),
        pa.field("text_pair", pa.string()),
        pa.field("label", pa.string()),
        pa.field("id", pa.string()),
        pa.field("lang", pa.string()),
    ]
)
FORGOTTEN_AFTER = 24 * 3600.0
"""Seconds after which the temporary files of a process that was killed are removed."""

log = structlog.get_logger(__name__)

_ID = re.compile(r"ds_[0-9a-f]{23}")
_BATCH = 4096


Examples = list[Example]
Records = list[DatasetRecord]


class Page(NamedTuple):
    """Some datasets, and whether there are more."""

    records: Sequence[DatasetRecord]
    has_more: bool


class DatasetStore:
    """The datasets of a data directory; any number of processes may use it at once.

    Parameters
    ----------
    home : Path
        The data directory (``XITE_HOME``).
    """

    def __init__(self, home: Path) -> None:
        self.root = home / "datasets"

    def add(
        self, path: Path, upload: Upload, limits: Limits | None = None, dataset_id: str | None = None
    ) -> DatasetRecord:
        """Validate a file row by row and keep its good rows; the dataset is there whole or not at all.

        Parameters
        ----------
        path : Path
            JSONL, CSV or Parquet by its suffix.
        upload : Upload
            What the user says about it.
        limits : Limits, optional
            How much it may hold.
        dataset_id : str, optional
            A new one where not given.

        Raises
        ------
        DatasetRefusedError
            If there is no good row, or the file as a whole cannot be used; it carries the report on bad rows.
        StorageError
            If the disk refuses.
        """
        chosen, intake = dataset_id or new_id(), None
        try:
            with atomic_directory(self.root / chosen) as directory:
                intake = Intake(path, upload, limits or Limits())
                _write_rows(directory / ROWS, intake.examples())
                record = _record(chosen, path, upload, intake, _repeated_id(directory / ROWS))
                (directory / RECORD).write_text(json.dumps(record.as_dict(), ensure_ascii=False, indent=1), "utf8")
        except InputError as error:
            detail = str(error).removeprefix(f"{path}: ")
            raise DatasetRefusedError(detail, _listed(intake)) from error
        return record

    def get(self, dataset_id: str) -> DatasetRecord:
        """What is known of a dataset.

        Raises
        ------
        DatasetNotFoundError
            If there is none of that id.
        DatasetDamagedError
            If its record cannot be read.
        """
        path = self._directory(dataset_id) / RECORD
        try:
            return DatasetRecord.from_dict(json.loads(path.read_text("utf8")))
        except (FileNotFoundError, NotADirectoryError):
            raise DatasetNotFoundError(dataset_id) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetDamagedError(dataset_id) from error

    def rows(self, dataset_id: str) -> Examples:
        """All rows, in the order of the file; raises as `get` does."""
        expected = self.get(dataset_id).rows
        try:
            with pq.ParquetFile(self._directory(dataset_id) / ROWS) as file:
                rows = [Example(**row) for batch in file.iter_batches(_BATCH) for row in batch.to_pylist()]
        except (pa.ArrowException, OSError, TypeError) as error:
            raise DatasetDamagedError(dataset_id) from error
        if len(rows) != expected:
            raise DatasetDamagedError(dataset_id)
        return rows

    def list(self, after: str | None = None, limit: int = 20) -> Page:
        """Datasets, newest first.

        Parameters
        ----------
        after : str, optional
            The last id of the page before; it may have been deleted since.
        limit : int
            Datasets at most.
        """
        older = [name for name in self._ids() if after is None or name < after]
        records: Records = []
        for name in older:
            if len(records) == limit:
                return Page(records, True)
            try:
                records.append(self.get(name))
            except DatasetNotFoundError:  # deleted since the directory was read
                continue
            except DatasetDamagedError:  # the others are there all the same
                log.warning("dataset cannot be read", dataset=name)
        return Page(records, False)

    def delete(self, dataset_id: str) -> None:
        """Remove a dataset; whoever reads its rows already has them.

        Raises
        ------
        DatasetNotFoundError
            If there is none of that id.
        StorageError
            If the disk refuses.
        """
        directory = self._directory(dataset_id)
        hidden = directory.with_name(f".{dataset_id}.{secrets.token_hex(6)}.tmp")
        try:
            with storage_errors(directory):
                directory.rename(hidden)
        except FileNotFoundError:
            raise DatasetNotFoundError(dataset_id) from None
        shutil.rmtree(hidden, ignore_errors=True)

    def discard(self, dataset_id: str) -> None:
        """Remove what a process left that was ended while it added a dataset."""
        for path in self.root.glob(f".{dataset_id}.*.tmp"):
            shutil.rmtree(path, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what a killed process left half-written long ago."""
        for path in self.root.glob(".*.tmp*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > FORGOTTEN_AFTER:
                    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()

    def _ids(self) -> Sequence[str]:
        if not self.root.is_dir():
            return []
        return sorted((path.name for path in self.root.iterdir() if _ID.fullmatch(path.name)), reverse=True)

    def _directory(self, dataset_id: str) -> Path:
        if not _ID.fullmatch(dataset_id):
            raise DatasetNotFoundError(dataset_id)
        return self.root / dataset_id


def new_id() -> str:
    """An id that sorts after all earlier ones."""
    return f"ds_{time.time_ns() // 1_000_000:011x}{secrets.token_hex(6)}"


def _write_rows(path: Path, examples: Iterator[Example]) -> None:
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        while rows := list(islice(examples, _BATCH)):
            columns = {name: [getattr(row, name) for row in rows] for name in SCHEMA.names}
            writer.write_batch(pa.RecordBatch.from_pydict(columns, SCHEMA))


def _repeated_id(path: Path) -> str | None:
    ids = pq.read_table(path, columns=["id"])["id"].drop_null()
    counted = pa.table({"id": ids}).group_by("id").aggregate([("id", "count")])
    repeated = counted.filter(pc.field("id_count") > 1)["id"]
    return str(repeated[0]) if len(repeated) else None


def _record(dataset_id: str, path: Path, upload: Upload, intake: Intake, repeated_id: str | None) -> DatasetRecord:
    if not intake.rows:
        raise InputError("no row can be used")
    return DatasetRecord(
        id=dataset_id,
        name=upload.name,
        created_at=int(time.time()),
        bytes=path.stat().st_size,
        rows=intake.rows,
        labels=_by_count(intake.labels),
        languages=_by_count(intake.languages),
        pairs=bool(intake.pairs),
        labeled=intake.labeled,
        bad_rows=intake.bad_rows,
        repeated_id=repeated_id,
    )


def _by_count(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))


def _listed(intake: Intake | None) -> list[dict[str, Any]]:
    return [row.as_dict() for row in intake.bad_rows.listed] if intake else []
