"""Classifies a file with a fine-tuned bundle, with a progress bar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.markup import escape

from app.progress import progress_bar
from xite_core.bundle.bundle import form_problem, open_bundle
from xite_core.bundle.derive import bundle_encoder
from xite_core.bundle.store import BundleStore
from xite_core.errors import InputError, RowError
from xite_core.finetune.predictor import Prediction, Predictor
from xite_core.records.bad_rows import BadRows
from xite_core.records.readers import count_rows, read_examples
from xite_core.records.writers import check_target, write_batches
from xite_core.types import Encoded, Example


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """What to classify, with which bundle and into which file."""

    home: Path
    source: Path
    target: Path
    bundle: str | None = None
    revision: str | None = None
    skip_bad_rows: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)


def predict_file(request: PredictionRequest, console: Console) -> dict[str, Any]:
    """Classify ``source`` into ``target`` and count the labels; the target appears whole or not at all.

    Raises
    ------
    XiteError
        If the bundle has no head, or a row, the target or the disk does not do.
    """
    check_target(request.target)
    if request.source.exists() and request.source.resolve() == request.target.resolve():
        raise InputError(f"{request.target}: would overwrite the input; choose another name")
    store = BundleStore(request.home)
    bundle = open_bundle(store.resolve(request.bundle or store.only_name(), request.revision))
    predictor = Predictor(bundle, bundle_encoder(bundle))
    counts: Counter[str] = Counter()
    unreadable, bad_rows = 0, BadRows() if request.skip_bad_rows else None
    with progress_bar(console) as progress:
        task = progress.add_task(f"classifying {escape(request.source.name)}", total=count_rows(request.source))

        def advance(prediction: Prediction, encoded: Encoded) -> None:
            nonlocal unreadable
            counts.update(prediction.labels)
            unreadable += int(encoded.unreadable.sum())
            progress.update(task, advance=len(prediction.labels))

        chunks = read_examples(
            request.source,
            labeled=False,
            columns=request.columns,
            bad_rows=bad_rows,
            check=partial(form_problem, bundle),
        )
        batches = _batches(predictor, request.source.name, chunks, advance)
        write_batches(request.target, _schema(bundle.labels), batches)
    report = {"texts": counts.total(), "unreadable": unreadable, "label_counts": dict(counts.most_common())}
    return report | ({"bad_rows": bad_rows.as_dict()} if bad_rows else {})


def _batches(
    predictor: Predictor,
    source: str,
    chunks: Iterable[Sequence[Example]],
    advance: Callable[[Prediction, Encoded], None],
) -> Iterator[pa.RecordBatch]:
    number = 0
    for chunk in chunks:
        try:
            encoded = predictor.encoder.encode(chunk)
        except RowError as error:
            raise RowError(source, number + error.row + 1, error.problem, "row") from error
        prediction = predictor.predict(chunk, encoded=encoded)
        yield _batch(chunk, encoded, prediction, predictor)
        advance(prediction, encoded)
        number += len(chunk)


def _batch(examples: Sequence[Example], encoded: Encoded, made: Prediction, predictor: Predictor) -> pa.RecordBatch:
    bundle = predictor.bundle
    rows = [
        {
            "id": example.id,
            "text": example.text,
            "text_pair": example.text_pair,
            "lang": example.lang,
            "label": label,
            "confidence": float(probabilities.max()),
            "probabilities": dict(zip(bundle.labels, probabilities.tolist(), strict=True)),
            "n_tokens": int(n_tokens),
            "truncated": bool(truncated),
            "unreadable": bool(unreadable),
            "bundle": bundle.name,
            "revision": bundle.revision,
        }
        for example, label, probabilities, n_tokens, truncated, unreadable in zip(
            examples,
            made.labels,
            made.probabilities,
            encoded.n_tokens,
            encoded.truncated,
            encoded.unreadable,
            strict=True,
        )
    ]
    return pa.RecordBatch.from_pylist(rows, _schema(bundle.labels))


def _schema(labels: Sequence[str]) -> pa.Schema:
    strings = [(name, pa.string()) for name in ("id", "text", "text_pair", "lang", "label")]
    probabilities = pa.struct([(label, pa.float32()) for label in labels])
    flags = [("n_tokens", pa.int32()), ("truncated", pa.bool_()), ("unreadable", pa.bool_())]
    provenance = [("bundle", pa.string()), ("revision", pa.string())]
    return pa.schema([*strings, ("confidence", pa.float32()), ("probabilities", probabilities), *flags, *provenance])
