"""The process (or processes) of the API: uvicorn with the settings that the environment holds."""

from __future__ import annotations

import gc
from typing import Any

from app.metrics.sharing import shared_metrics
from app.settings import set_up_libraries
from app.settings.service import Settings, load_settings


def main() -> None:
    """Serve until stopped."""
    gc.disable()  # until the bundle is loaded, see `no_collection`
    settings = load_settings()
    # each compute thread has a core: threads within one product of matrices would wait for each other
    set_up_libraries(1)
    import uvicorn

    with shared_metrics(settings.workers):
        uvicorn.run("app.main:create_app", **uvicorn_options(settings))


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told."""
    return {
        "factory": True,
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "http": "app.processes.protocol:GuardedProtocol",
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "lifespan": "on",
        "timeout_graceful_shutdown": settings.shutdown_seconds,
    }


if __name__ == "__main__":
    main()
