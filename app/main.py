"""The application: middleware, routes, what lives as long as the process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event
from typing import Any

from fastapi import FastAPI
from starlette.types import Lifespan

from app.annotation.label_studio.endpoints import BIG_BODIES
from app.annotation.label_studio.endpoints import router as label_studio_router
from app.annotation.review.endpoints import router as review_router
from app.annotation.suggestions.endpoints import router as suggestions_router
from app.augment.endpoints import router as augment_router
from app.auth.middleware import AuthMiddleware
from app.bundles.endpoints import router as bundles_router
from app.datasets.endpoints import router as datasets_router
from app.datasets.service import UPLOAD_OVERHEAD, Datasets
from app.embeddings.endpoints import router as embeddings_router
from app.health.endpoints import router as health_router
from app.health.service import version
from app.interface import DESCRIPTION, document_with
from app.jobs.endpoints import router as jobs_router
from app.jobs.service import Jobs
from app.jobs.streaming import EventStreams
from app.logs import configure_logs
from app.metrics.endpoints import router as metrics_router
from app.middleware import RequestMiddleware
from app.predict.endpoints import router as predict_router
from app.problems import add_handlers, responder
from app.processes.stopping import told_of_stop
from app.runtime import Runtime
from app.settings.service import Settings, load_settings
from app.tracing import telemetry

ROUTERS = (
    augment_router,
    embeddings_router,
    bundles_router,
    datasets_router,
    health_router,
    jobs_router,
    label_studio_router,
    suggestions_router,
    review_router,
    metrics_router,
    predict_router,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    settings : Settings, optional
        By default read from the environment.
    """
    chosen = settings or load_settings()
    configure_logs(chosen.log_level)
    draining = Event()
    app = FastAPI(
        title="XITE",
        version=version(),
        description=DESCRIPTION,
        lifespan=_lifespan(chosen, draining),
        redoc_url=None,
        telemetry=telemetry(),
    )
    for router in ROUTERS:
        app.include_router(router)
    _add_outer_layers(app, chosen, draining)
    app.openapi = document_with(app)  # type: ignore[method-assign]
    return app


def _lifespan(settings: Settings, draining: Event) -> Lifespan[FastAPI]:
    """What lives as long as the process; at a stop signal streams end and ``draining`` is set."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        runtime, jobs, streams = Runtime(settings), Jobs(settings), EventStreams(settings.redis_url)

        def stop() -> None:
            draining.set()
            streams.end()

        try:
            with told_of_stop(stop, settings.drain_seconds):
                yield {"runtime": runtime, "datasets": Datasets(settings), "jobs": jobs, "streams": streams}
        finally:
            await streams.close()
            await runtime.close()
            jobs.close()

    return lifespan


def _add_outer_layers(app: FastAPI, settings: Settings, draining: Event) -> None:
    """Errors as answers, keys, limits; what is added last is outermost."""
    respond = responder(settings.home)
    add_handlers(app, respond)
    app.add_middleware(AuthMiddleware, settings=settings, respond=respond)
    uploads = {"/datasets": settings.max_dataset_bytes + UPLOAD_OVERHEAD}
    uploads |= dict.fromkeys(BIG_BODIES, settings.max_tasks_bytes)
    app.add_middleware(
        RequestMiddleware,
        max_body_bytes=settings.max_body_bytes,
        respond=respond,
        draining=draining,
        uploads=uploads,
    )
