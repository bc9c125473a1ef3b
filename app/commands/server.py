"""What the commands that talk to a service share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from app.settings import server_url
from xite_core.errors import XiteError

if TYPE_CHECKING:
    from app.client import Client

ServerOption = Annotated[
    str | None, typer.Option("--server", help="the service; default: XITE_SERVER, else http://127.0.0.1:8000")
]


PATIENCE = 20.0
"""Seconds of waiting for a service that is busy or away: somebody looks at the screen meanwhile."""


class ServerError(XiteError):
    """The service refused, or cannot be reached."""


@contextmanager
def connected(url: str | None) -> Iterator[Client]:
    """A client of the service; what it raises is told as one line.

    Raises
    ------
    ServerError
        If the service refuses or cannot be reached.
    """
    from app.client import ApiError, Client, ClientError

    chosen = url or server_url()
    if not chosen.startswith(("http://", "https://")):
        raise ServerError(f"server={chosen!r}: expected a URL such as http://127.0.0.1:8000")
    try:
        with Client(chosen, patience=PATIENCE) as client:
            yield client
    except ApiError as error:
        fields = "; ".join(f"{item.get('field')}: {item.get('detail')}" for item in error.errors)
        raise ServerError(f"{chosen}: {error}" + (f": {fields}" if fields else "")) from None
    except ClientError as error:
        raise ServerError(f"{chosen}: {error}") from None
