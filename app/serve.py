"""``xite serve``: uvicorn with the service's settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from app.auth.keyring import check_exposure
from app.settings import set_threads
from app.settings.service import Settings, export_settings, load_settings


def run(
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    home: Path | None = None,
    bundle: str | None = None,
    **settings: Any,
) -> None:
    """Serve until stopped; what is not given comes from ``XITE_*``.

    Parameters
    ----------
    host : str, optional
        Address to listen on.
    port : int, optional
        Port to listen on.
    workers : int, optional
        Processes; they share the bundles by memory map.
    home : Path, optional
        The data directory.
    bundle : str, optional
        Bundle of requests that name none.
    settings : Any
        Any other field of `Settings`.

    Raises
    ------
    OptionError
        If a setting does not do.
    """
    chosen = load_settings(
        host=host, port=port, workers=workers, home=home and home.absolute(), default_bundle=bundle, **settings
    )
    check_exposure(chosen)
    set_threads(threads_of(chosen))
    export_settings(chosen)
    import uvicorn

    uvicorn.run("app.main:create_app", **uvicorn_options(chosen))


def threads_of(settings: Settings) -> int | None:
    """Numeric threads of each process; ``None`` leaves them as they are."""
    if settings.threads is not None or settings.workers == 1:
        return settings.threads
    return max(1, len(os.sched_getaffinity(0)) // settings.workers)


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told."""
    return {
        "factory": True,
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "lifespan": "on",
        "timeout_graceful_shutdown": settings.shutdown_seconds,
    }


if __name__ == "__main__":
    run()
