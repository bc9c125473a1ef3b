"""``xite worker`` and ``xite jobs``."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from app.commands.arguments import HomeOption, err
from app.commands.server import ServerOption, connected

if TYPE_CHECKING:
    from app.jobs.schemas import JobBody

commands = typer.Typer(help="Jobs of a running service.", no_args_is_help=True)

JobArgument = Annotated[str, typer.Argument(help="a job's id")]


def worker(home_dir: HomeOption = None) -> None:
    """Take jobs from the Redis of XITE_REDIS_URL until stopped; any number of machines, one data directory.

    On the machine of `xite serve` without that setting: from the service's own Redis.
    """
    from app.logs import configure_logs
    from app.processes.redis_server import socket_path, socket_url
    from app.settings.service import export_settings, load_settings
    from app.worker import run_worker

    settings = load_settings(home=home_dir and home_dir.absolute())
    if settings.redis_url is None and socket_path(settings.home).exists():
        settings = settings.model_copy(update={"redis_url": socket_url(settings.home)})
    export_settings(settings)
    configure_logs(settings.log_level)
    sys.exit(run_worker(settings))


@commands.command("list")
def list_jobs(
    server: ServerOption = None,
    after: Annotated[str | None, typer.Option(help="id of the last job of the page before")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="jobs at most")] = 20,
) -> None:
    """List jobs, the newest first."""
    with connected(server) as client:
        page = client.jobs(after=after, limit=limit)
    table = Table(Column("id", no_wrap=True, min_width=28), box=None)
    for name in ("kind", "status", "created", "attempt", "stage", ""):
        table.add_column(name)
    for job in page.data:
        created = datetime.fromtimestamp(job.created_at).isoformat(" ", "seconds")
        of = f"{job.progress.step:,}/{job.progress.of:,}" if job.progress.of else ""
        table.add_row(job.id, job.kind, job.status, created, str(job.attempt), job.progress.stage or "", of)
    Console().print(table)
    if page.has_more:
        err.print(f"there are more: --after {page.data[-1].id}", highlight=False)


@commands.command()
def show(job: JobArgument, server: ServerOption = None) -> None:
    """Show a job as JSON."""
    with connected(server) as client:
        _print(client.job(job))


@commands.command()
def cancel(job: JobArgument, server: ServerOption = None) -> None:
    """Cancel a job; one at work ends within seconds and keeps its checkpoint."""
    with connected(server) as client:
        _print(client.cancel(job))


@commands.command()
def resume(job: JobArgument, server: ServerOption = None) -> None:
    """Let a cancelled or failed job go on from its last checkpoint."""
    with connected(server) as client:
        _print(client.resume(job))


@commands.command()
def follow(job: JobArgument, server: ServerOption = None) -> None:
    """Show how a job goes on until it has ended, then the job as JSON."""
    from app.following import follow_job

    with connected(server) as client:
        ended = follow_job(client, job, err)
    _print(ended)
    if ended.status != "succeeded":
        raise typer.Exit(1)


@commands.command()
def download(
    job: JobArgument,
    name: Annotated[str | None, typer.Argument(help="an artifact; default: all")] = None,
    out: Annotated[Path, typer.Option(help="file, or directory that exists")] = Path(),
    server: ServerOption = None,
) -> None:
    """Download artifacts of a job that has succeeded; each file appears whole and with the right hash."""
    with connected(server) as client:
        names = [name] if name else (client.job(job).result or {}).get("artifacts", [])
        for each in names:
            print(client.download(job, each, out))


def _print(job: JobBody) -> None:
    print(job.model_dump_json(indent=1))
