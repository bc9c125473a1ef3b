"""Reviews a file, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.markup import escape

from app.annotation.review.rendering import REVIEWED, reviewed_batch, summary
from app.augmenting import open_augmenter
from app.progress import progress_bar
from xite_core.augmenter import Augmenter
from xite_core.errors import InputError, RowError
from xite_core.records.readers import count_rows, read_examples
from xite_core.records.writers import check_target, write_batches
from xite_core.review import NEAR, Order, Review, review
from xite_core.types import Encoded, Example

MAX_TEXTS = 200_000
"""Every text is compared with every other."""

_BATCH = 1024


@dataclass(frozen=True, slots=True)
class FileReview:
    """What to review, with which bundle and into which file."""

    home: Path
    source: Path
    target: Path
    bundle: str | None = None
    revision: str | None = None
    lang: str | None = None
    order: Order = Order.UNCERTAINTY
    near: float = NEAR
    options: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)


def review_file(request: FileReview, console: Console) -> dict[str, Any]:
    """Review ``source`` into ``target``, and give the summary.

    Raises
    ------
    XiteError
        If a row, an option or the disk does not do; nothing is written then.
    """
    check_target(request.target)
    if request.target.exists() and request.source.resolve() == request.target.resolve():
        raise InputError(f"{request.target}: would overwrite the input; choose another name")
    augmenter = open_augmenter(request.home, request.bundle, request.revision)
    options = augmenter.bundle.options.replaced(request.options)
    examples, encoded = _read(request, augmenter, console)
    made = review(augmenter, examples, encoded, options, near=request.near)
    write_batches(request.target, REVIEWED, _batches(made, request.order, augmenter))
    return summary(made, augmenter.bundle).model_dump()


def _read(request: FileReview, augmenter: Augmenter, console: Console) -> tuple[list[Example], Encoded]:
    examples: list[Example] = []
    parts: list[Encoded] = []
    with progress_bar(console) as progress:
        task = progress.add_task(f"reviewing {escape(request.source.name)}", total=count_rows(request.source))
        for chunk in read_examples(request.source, labeled=False, lang=request.lang, columns=request.columns):
            if len(examples) + len(chunk) > MAX_TEXTS:
                raise InputError(f"{request.source}: more than {MAX_TEXTS:,} texts; review a part of them")
            try:
                parts.append(augmenter.encoder.encode(chunk))
            except RowError as error:
                row = len(examples) + error.row + 1
                raise RowError(request.source.name, row, error.problem, "row") from error
            examples += chunk
            progress.update(task, advance=len(chunk))
    return examples, Encoded.joined(parts)


def _batches(made: Review, order: Order, augmenter: Augmenter) -> Iterator[pa.RecordBatch]:
    positions = made.ordered(order)
    for start in range(0, len(positions), _BATCH):
        yield reviewed_batch(made, positions[start : start + _BATCH], augmenter.bundle)
