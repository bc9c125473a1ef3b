"""What the ``/datasets`` calls do, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.datasets.checking import Task, check
from app.datasets.intake import Limits, Upload
from app.datasets.receiving import Received
from app.datasets.record import DatasetRecord
from app.datasets.schemas import Dataset, DatasetDeleted, DatasetList, UploadFields
from app.datasets.store import DatasetStore, new_id
from app.errors import BusyError, FieldError
from app.settings.service import Settings

MAX_UPLOADS = 8
"""Uploads that one process receives at once."""

UPLOAD_OVERHEAD = 65_536
"""Bytes that a form may have beside its file."""

RETRY_AFTER = 5.0


class Datasets:
    """The datasets of this service; belongs to one event loop.

    Parameters
    ----------
    settings : Settings
        The data directory and the limits.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = DatasetStore(settings.home)
        self.limits = Limits(settings.max_dataset_bytes, settings.max_dataset_rows, settings.max_text_chars)
        self._turn = asyncio.Semaphore(1)
        self._open = 0

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Hold one of the places for uploads.

        Raises
        ------
        BusyError
            If all are taken.
        """
        if self._open >= MAX_UPLOADS:
            raise BusyError(RETRY_AFTER)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def keep(self, received: Received, query: Mapping[str, Any]) -> Dataset:
        """Validate a file that arrived, one at a time, and keep its good rows.

        Parameters
        ----------
        received : Received
            The file, and the fields that came with it.
        query : mapping
            The same fields as query parameters; those of the form win.

        Raises
        ------
        DatasetRefusedError
            If no row can be used.
        FieldError, RequestValidationError
            If a field cannot be used.
        """
        fields = fields_of(query, received.fields)
        name = fields.name or (received.filename or "dataset")[:200]
        upload = Upload(name, fields.lang, fields.kind, fields.columns)
        task = Task(self.settings.home, received.path, new_id(), upload, self.limits)
        async with self._turn:
            await asyncio.to_thread(self.store.sweep)
            return rendered(await check(task))

    async def page(self, after: str | None, limit: int) -> DatasetList:
        """Some datasets, newest first."""
        found = await asyncio.to_thread(self.store.list, after, limit)
        return DatasetList(data=[rendered(record) for record in found.records], has_more=found.has_more)

    async def get(self, dataset_id: str) -> Dataset:
        """One dataset.

        Raises
        ------
        DatasetNotFoundError
            If there is none of that id.
        """
        return rendered(await asyncio.to_thread(self.store.get, dataset_id))

    async def delete(self, dataset_id: str) -> DatasetDeleted:
        """Remove a dataset; raises as `get` does."""
        await asyncio.to_thread(self.store.delete, dataset_id)
        return DatasetDeleted(id=dataset_id)


def rendered(record: DatasetRecord) -> Dataset:
    """A record as the body of an answer."""
    return Dataset.model_validate(record.as_dict())


def fields_of(query: Mapping[str, Any], form: Mapping[str, list[str]] | None = None) -> UploadFields:
    """What is said about a file, by query parameters and by the form; the form wins.

    Raises
    ------
    FieldError, RequestValidationError
        If a field cannot be used.
    """
    given = {name: value for name, value in query.items() if value not in (None, [])}
    for name, values in (form or {}).items():
        if name != "column" and len(values) > 1:
            raise FieldError("given twice", name)
        given[name] = values if name == "column" else values[0]
    try:
        return UploadFields(**given)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
