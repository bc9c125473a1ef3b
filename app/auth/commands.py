"""``xite keys add | list | revoke``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.settings import home

commands = typer.Typer(help="Make, list and revoke the API keys of the service.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="name of the key; it appears in logs")]
HomeOption = Annotated[Path | None, typer.Option("--home", help="data directory; default: XITE_HOME")]


@commands.command()
def add(
    name: NameArgument,
    scope: Annotated[list[str] | None, typer.Option(help="read, write or admin; repeatable; default: read")] = None,
    rate: Annotated[int | None, typer.Option(min=1, help="requests a minute, in place of XITE_RATE_LIMIT")] = None,
    home_dir: HomeOption = None,
) -> None:
    """Make a key and print it once; a running service takes it within a second."""
    from app.auth.keys import GRANTED, add_key
    from app.auth.scopes import Scope
    from xite_core.errors import OptionError

    wanted = scope or [Scope.READ]
    for each in wanted:
        if each not in GRANTED:
            raise OptionError("scope", each, "read, write or admin")
    print(add_key(_file(home_dir), name, [Scope(each) for each in wanted], rate))
    Console(stderr=True).print("Keep it: only its hash is stored. Clients send it as `Authorization: Bearer KEY`.")


@commands.command("list")
def list_keys(home_dir: HomeOption = None) -> None:
    """List names and scopes."""
    from app.auth.keys import read_keys

    path = _file(home_dir)
    table = Table("name", "scopes", "requests/min", "made", box=None)
    for key in read_keys(path) if path.exists() else ():
        table.add_row(key.name, " ".join(key.scopes), str(key.rate_limit or "-"), f"{key.created_at:%Y-%m-%d %H:%M}")
    Console().print(table)


@commands.command()
def revoke(name: NameArgument, home_dir: HomeOption = None) -> None:
    """Make a key invalid; a running service refuses it within a second."""
    from app.auth.keys import revoke_key

    revoke_key(_file(home_dir), name)


def _file(home_dir: Path | None) -> Path:
    from app.settings.service import api_keys_file, load_settings

    return api_keys_file(load_settings(home=(home_dir or home()).absolute()))
