"""``/jobs/build`` at work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from app.augment.options import with_choices
from app.encoders import encoder_spec
from app.jobs.attempt import JOB, Attempt
from app.jobs.encoding import EncodedRows
from app.jobs.outcome import Outcome
from app.jobs.rows import labeled_rows, target_rows
from app.jobs.schemas import BuildRequest
from app.pools import reference_pool
from xite_core.bundle.build import Builder, BuildOptions
from xite_core.bundle.store import BundleStore
from xite_core.encoder.registry import load_encoder
from xite_core.options import AugmentOptions
from xite_core.types import Example, IndexKind

_CHUNK = 512


def run(attempt: Attempt, spec: dict[str, Any]) -> Outcome:
    """Build and publish."""
    request = BuildRequest.model_validate(spec["request"])
    rows = labeled_rows(attempt.home, request.source, "source")
    pool: dict[str, Sequence[Example]] = {**reference_pool({})}
    for part in request.pool:
        pool[part.lang] = target_rows(attempt.home, part)
    encoder = load_encoder(encoder_spec({"name": request.encoder}))
    options = BuildOptions(IndexKind(request.index), request.validation, seed=request.seed)
    defaults = with_choices(AugmentOptions(), request.options) if request.options else None
    builder = Builder(BundleStore(attempt.home), encoder, options, EncodedRows(attempt, len(rows)))
    origin = {"source": request.source.dataset or "rows", JOB: attempt.job.id}
    bundle = builder.build(
        request.bundle, _chunks(rows), pool, defaults=defaults, origin=origin, revision=attempt.revision
    )
    result = {
        "bundle": bundle.name,
        "revision": bundle.revision,
        "counts": dict(bundle.manifest.counts),
        "labels": list(bundle.labels),
        "activated": False,
        "artifacts": [],
    }
    return Outcome(result, activate=request.activate)


def _chunks(rows: list[Example]) -> Iterator[list[Example]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]
