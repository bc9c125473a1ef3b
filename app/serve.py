"""``xite serve``: a supervisor over Redis (where it is our own), the API and the job workers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import structlog

from app.auth.keyring import check_exposure
from app.logs import configure_logs
from app.processes import redis_server
from app.processes.ports import check_port
from app.processes.supervisor import Program, Supervisor
from app.settings.service import Settings, export_settings, load_settings

log = structlog.get_logger(__name__)

WORKER_DELAY = 4.0
"""Seconds in which the API has the cores to itself, since it is what people wait for."""


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
        If a setting does not do, or nobody can listen on the port.
    """
    chosen = load_settings(
        host=host, port=port, workers=workers, home=home and home.absolute(), default_bundle=bundle, **settings
    )
    check_exposure(chosen)
    check_port(chosen.host, chosen.port)
    configure_logs(chosen.log_level)
    os.umask(0o077)  # what is uploaded and learned is for this user alone
    url, redis = embedded_redis(chosen)
    export_settings(chosen.model_copy(update={"redis_url": url}))
    sys.exit(Supervisor([*redis, *service_programs(chosen, jobs=url is not None)]).run())


def embedded_redis(settings: Settings) -> tuple[str | None, list[Program]]:
    """The URL of Redis, and the program to run where it is our own.

    Of several services on one data directory one runs it; the others wait for its end to take over, since two servers
    would destroy each other's file.
    """
    if settings.redis_url is not None:
        return settings.redis_url, []
    try:
        command = redis_server.command(settings.home)
    except redis_server.RedisError as error:
        log.warning("no jobs", reason=str(error))
        return None, []
    lock = str(settings.home / "redis" / ".lock")
    alone = [sys.executable, "-m", "app.processes.exclusive", lock, *command]
    # not essential: on a full disk Redis ends again and again, and all but jobs is still served
    return redis_server.socket_url(settings.home), [Program("redis", alone, stop_seconds=20)]


def service_programs(settings: Settings, *, jobs: bool) -> list[Program]:
    """The API and the job workers."""
    api = Program(
        "api",
        [sys.executable, "-m", "app.processes.api"],
        stop_seconds=settings.drain_seconds + settings.shutdown_seconds + 10,
        essential=True,
    )
    worker = [sys.executable, "-m", "app.worker"]
    workers = (
        Program(f"worker-{i + 1}", worker, stop_seconds=15, delay=WORKER_DELAY)
        for i in range(settings.job_workers * jobs)
    )
    return [api, *workers]


if __name__ == "__main__":
    run()
