"""``/jobs/augment`` at work: a dataset into a file of labeled synthetic embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.augment.options import options_of
from app.augment.schemas import AugmentChoices
from app.jobs.attempt import Attempt
from app.jobs.encoding import JobStoppedError
from app.jobs.outcome import ARTIFACTS, Outcome, described
from app.jobs.rows import target_rows
from app.jobs.schemas import AugmentJobRequest
from xite_core.augmenter import Augmenter
from xite_core.bundle.bundle import open_bundle
from xite_core.bundle.derive import bundle_encoder
from xite_core.bundle.store import BundleStore
from xite_core.storage import atomic_file
from xite_core.streaming import FileAugmentation, FileAugmenter
from xite_core.types import Example

_COLUMNS = ("text", "text_pair", "id", "lang")


def run(attempt: Attempt, spec: dict[str, Any]) -> Outcome:
    """Augment; an attempt after another goes on behind the last whole part."""
    request = AugmentJobRequest.model_validate(spec["request"])
    bundle = open_bundle(BundleStore(attempt.home).resolve(spec["bundle"], spec["revision"]))
    rows = target_rows(attempt.home, request.target)
    folder = attempt.directory / ARTIFACTS
    folder.mkdir(exist_ok=True)
    job = FileAugmentation(
        source=_source(attempt.directory, rows),
        target=folder / f"augmented.{request.format}",
        options=options_of(request.augment or AugmentChoices(), bundle),
        neighbors=request.neighbors,
    )
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if attempt.cancelled():
            raise JobStoppedError
        attempt.progress("encode", done, len(rows))

    report = FileAugmenter(Augmenter(bundle, bundle_encoder(bundle)), job, advance).run()
    result = {"bundle": bundle.name, "revision": bundle.revision, "report": report, **described([job.target])}
    return Outcome(result)


def _source(directory: Path, rows: list[Example]) -> Path:
    """The texts as a file, written once: a resumption has to find the same one."""
    path = directory / "target.parquet"
    if not path.is_file():
        columns = {name: pa.array([getattr(row, name) for row in rows], pa.string()) for name in _COLUMNS}
        with atomic_file(path) as temporary:
            pq.write_table(pa.table(columns), temporary)
    return path
