"""What Label Studio's calls do, without HTTP."""

from __future__ import annotations

import asyncio

from app.annotation.label_studio.configuration import Labeling, labeling_of
from app.annotation.label_studio.schemas import (
    PredictRequest,
    PredictResponse,
    Setup,
    SetupRequest,
    Versions,
)
from app.annotation.label_studio.store import AnnotationStore
from app.annotation.label_studio.tasks import Unusable, nothing, predicted, read_task
from app.annotation.schemas import LabelChoices
from app.annotation.verdicts import verdicts
from app.runtime import Residents, Runtime
from xite_core.bundle.manifest import Manifest, read_manifest
from xite_core.types import Example


async def setup(residents: Residents, store: AnnotationStore, request: SetupRequest) -> Setup:
    """Look whether a project can be answered, and remember how it wants to be; loads nothing.

    Raises
    ------
    BundleNotFoundError
        If there is no such bundle.
    FieldError
        If the labeling configuration asks for nothing that the bundle knows.
    StorageError
        If the disk refuses.
    """
    wanted = request.extra_params or LabelChoices()
    facts = await asyncio.to_thread(manifest_of, residents, wanted.bundle)
    labeling = labeling_of(request.label_schema, facts.labels, pairs=facts.pairs, field="schema")
    if request.project is not None:
        await asyncio.to_thread(store.connect, request.project, wanted.model_dump_json(exclude_none=True))
    return Setup(model_version=facts.revision, labels=list(labeling.said.values()))


async def predict(runtime: Runtime, store: AnnotationStore, request: PredictRequest) -> PredictResponse:
    """Predict each task; one that cannot be predicted gets an empty prediction.

    Raises
    ------
    XiteError, ServiceError
        See the table in `app.faults`.
    """
    wanted = await connection_of(store, request.project)
    resident = await runtime.residents.snapshot(wanted.bundle)
    bundle = resident.bundle
    labeling = labeling_of(request.label_config, bundle.labels, pairs=bundle.manifest.pairs)
    read = [read_task(task, labeling, runtime.settings.max_text_chars) for task in request.tasks]
    usable = [one for one in read if isinstance(one, Example)]
    found = iter(await verdicts(runtime, resident, usable, wanted))
    results = [
        nothing(one.reason, bundle.revision)
        if isinstance(one, Unusable)
        else predicted(next(found), labeling, bundle.revision)
        for one in read
    ]
    return PredictResponse(results=results, model_version=bundle.revision)


async def versions(residents: Residents) -> Versions:
    """The revisions of the default bundle.

    Raises
    ------
    BundleNotFoundError
        If there is no default.
    """
    facts = await asyncio.to_thread(manifest_of, residents, None)
    found = await asyncio.to_thread(residents.store.revisions, facts.name)
    return Versions(versions=found[::-1])


async def connection_of(store: AnnotationStore, project: str | None) -> LabelChoices:
    """How a project wants to be answered, as its last setup said."""
    kept = await asyncio.to_thread(store.connection, project) if project is not None else None
    return LabelChoices() if kept is None else LabelChoices.model_validate_json(kept)


def manifest_of(residents: Residents, name: str | None) -> Manifest:
    """What the active revision of a bundle says of itself, read from its directory.

    Raises
    ------
    BundleNotFoundError
        If there is no such bundle, or none is named and there is no default.
    """
    store = residents.store
    return read_manifest(store.resolve(name or residents.default_name or store.only_name()))


def labeling_for(facts: Manifest, configuration: str) -> Labeling:
    """The labeling of an event's project."""
    return labeling_of(configuration, facts.labels, pairs=facts.pairs, field="project.label_config")
