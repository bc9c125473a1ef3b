"""The rows that a job's request names: from uploaded datasets or from the request itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.augment.schemas import InputObject
from app.datasets.store import DatasetStore
from app.errors import FieldError
from app.jobs.schemas import LabeledRef, TextsRef
from xite_core.types import Example


def labeled_rows(home: Path, reference: LabeledRef, where: str) -> list[Example]:
    """Labeled rows.

    Raises
    ------
    DatasetNotFoundError
        If there is no such dataset (any more).
    FieldError
        If a row of the dataset has no label.
    """
    if reference.rows is not None:
        return [Example(row.text, row.text_pair, row.label, row.id, row.lang) for row in reference.rows]
    assert reference.dataset is not None
    rows = DatasetStore(home).rows(reference.dataset)
    missing = sum(row.label is None for row in rows)
    if missing:
        raise FieldError(f"{missing:,} of {len(rows):,} rows have no label", where, "dataset")
    return rows


def target_rows(home: Path, reference: TextsRef) -> list[Example]:
    """Unlabeled texts with what is known of their language.

    Raises
    ------
    DatasetNotFoundError
        If there is no such dataset (any more).
    """
    rows = DatasetStore(home).rows(reference.dataset) if reference.dataset else _inline(reference)
    return [replace(row, label=None, lang=row.lang or reference.lang) for row in rows]


def _inline(reference: TextsRef) -> Sequence[Example]:
    return [
        Example(item.text, item.text_pair, None, item.id, item.lang) if isinstance(item, InputObject) else Example(item)
        for item in reference.texts or []
    ]
