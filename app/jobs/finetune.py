"""``/jobs/finetune`` at work."""

from __future__ import annotations

from typing import Any

from app.jobs.attempt import JOB, Attempt, jobs_directory
from app.jobs.encoding import EncodedRows
from app.jobs.finetune_options import finetune_options
from app.jobs.outcome import Outcome, described
from app.jobs.records import Event
from app.jobs.rows import labeled_rows, target_rows
from app.jobs.schemas import FinetuneRequest, SourceRef
from app.pools import reference_pool
from xite_core.bundle.build import Builder, BuildOptions
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.derive import bundle_encoder
from xite_core.bundle.store import BundleStore
from xite_core.encoder.registry import XITE_MINI, load_encoder
from xite_core.errors import AlreadyExistsError, BundleNotFoundError
from xite_core.finetune.corpus import FineTuneInputs
from xite_core.finetune.events import FineTuneEvent
from xite_core.finetune.tuner import FineTuner
from xite_core.types import Example

_SOURCE, _REVISION = "source", "base"

HELD_OUT = 60
"""English rows held out of a small source: with fewer the gate would be a coin toss."""


def run(attempt: Attempt, spec: dict[str, Any]) -> Outcome:
    """Fine-tune and publish; nothing is active before the record says that the result counts."""
    request = FinetuneRequest.model_validate(spec["request"])
    bundle = _source(attempt, request.source, spec["revision"])
    inputs = FineTuneInputs(
        bundle=bundle,
        encoder=bundle_encoder(bundle),
        target=target_rows(attempt.home, request.target),
        target_test=labeled_rows(attempt.home, request.target_test, "target_test") if request.target_test else [],
        source=labeled_rows(attempt.home, request.annotated, "annotated") if request.annotated else [],
    )
    tuner = FineTuner(
        inputs,
        finetune_options(request, bundle.options),
        attempt.directory,
        progress=lambda event: _tell(attempt, event),
        cancelled=attempt.cancelled,
    )
    name = request.bundle or bundle.name
    made = tuner.run(BundleStore(attempt.home), name, attempt.revision, {JOB: attempt.job.id})
    result = {
        "bundle": name,
        "revision": made.bundle.revision,
        "gate": "passed" if made.passed else "failed",
        "activated": False,
        **described(made.artifacts),
    }
    activate = request.auto_activate and made.passed
    return Outcome(result, made.report["metrics"], activate, tuner.workspace.clean)


def _tell(attempt: Attempt, event: FineTuneEvent) -> None:
    events = []
    if event.metrics is not None:
        events.append(Event("metrics", {"epoch": event.epoch, **event.metrics}))
    attempt.progress(str(event.stage), event.step, event.of, events)


def _source(attempt: Attempt, source: SourceRef, revision: str | None) -> Bundle:
    """The bundle that is fine-tuned: the named one as it was when the job was accepted, or one for this job alone."""
    if source.bundle:
        return open_bundle(BundleStore(attempt.home).resolve(source.bundle, revision))
    store = BundleStore(jobs_directory(attempt.home) / attempt.job.id)
    try:
        return open_bundle(store.resolve(_SOURCE, _REVISION))
    except BundleNotFoundError:
        return _build_source(attempt, store, labeled_rows(attempt.home, source, "source"))


def _build_source(attempt: Attempt, store: BundleStore, rows: list[Example]) -> Bundle:
    progress = EncodedRows(attempt, len(rows))
    share = min(0.5, max(BuildOptions().validation, HELD_OUT / len(rows)))
    builder = Builder(store, load_encoder(XITE_MINI), BuildOptions(validation=share), progress)
    try:
        return builder.build(_SOURCE, [rows], reference_pool({}), revision=_REVISION, origin={"source": "job"})
    except AlreadyExistsError:  # by an earlier attempt that was not dead after all
        return open_bundle(store.resolve(_SOURCE, _REVISION))
