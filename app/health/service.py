"""What the health and information calls find."""

from __future__ import annotations

from importlib import metadata

from app.augment.schemas import BundleReference
from app.errors import NotReadyError, StuckError
from app.health.schemas import Info, Limits, Live, Model, Ready
from app.jobs.service import Jobs
from app.runtime import Resident, Runtime


def live(runtime: Runtime) -> Live:
    """The process lives as long as it can still compute.

    Raises
    ------
    StuckError
        If too many computations hang; only a restart helps.
    """
    if not runtime.batcher.healthy:
        raise StuckError("several computations hang; restart this process")
    return Live()


async def ready(runtime: Runtime, jobs: Jobs) -> Ready:
    """Ready when the bundle is loaded and the encoder warm; without Redis all but jobs is served.

    Raises
    ------
    NotReadyError
        Otherwise; it says why.
    """
    if not runtime.ready:
        raise NotReadyError(runtime.residents.problem)
    degraded = [] if await jobs.reachable() else ["jobs"]
    return Ready(bundle=_reference(runtime.residents.default), degraded=degraded)


def info(runtime: Runtime) -> Info:
    """Model, revision, limits and version."""
    settings, residents = runtime.settings, runtime.residents
    loaded = residents.active
    shown = residents.default or next(iter(loaded.values()), None)
    references = (_reference(resident) for resident in loaded.values())
    return Info(
        version=version(),
        bundle=_reference(residents.default),
        model=_model(shown) if shown else None,
        limits=Limits(**{name: getattr(settings, name) for name in Limits.model_fields}),
        loaded=[reference for reference in references if reference],
    )


def version() -> str:
    """Version of the installed package."""
    return metadata.version("xite-service")


def _reference(resident: Resident | None) -> BundleReference | None:
    return BundleReference(name=resident.bundle.name, revision=resident.bundle.revision) if resident else None


def _model(resident: Resident) -> Model:
    encoder = resident.encoder
    return Model(
        name=encoder.name,
        fingerprint=encoder.fingerprint,
        dimension=encoder.dimension,
        max_tokens=encoder.spec.max_tokens,
    )
