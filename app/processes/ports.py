"""Ports to listen on: looked at before anything is started, so that a taken one is told in one line."""

from __future__ import annotations

import errno
import socket

from xite_core.errors import OptionError


def check_port(host: str, port: int) -> None:
    """Refuse a port that cannot be listened on.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
        Where 0 means any.

    Raises
    ------
    OptionError
        If somebody listens there already, or this user must not, or the host is not one of this machine.
    """
    try:
        _listen(host, port)
    except UnicodeError:
        raise OptionError("host", host, "a name or address of this machine") from None
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise OptionError("host", host, f"a name or address of this machine ({what})") from None
        raise OptionError("port", port, f"one that can be listened on at {host} ({what})") from None


def usable_port(host: str, wanted: int) -> int:
    """The wanted port, or any other where that one is taken."""
    try:
        return _listen(host, wanted)
    except OSError:
        return _listen(host, 0)


def _listen(host: str, port: int) -> int:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what has just closed is no obstacle
        probe.bind(address)
        return int(probe.getsockname()[1])
