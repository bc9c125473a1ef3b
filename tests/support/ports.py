"""Ports that no two services of the tests share.

Between the choice of a port and the moment when the service listens on it seconds pass. A port that the kernel chose
can be chosen again meanwhile, for a test at work beside this one; both would then talk to the service that came first.
"""

from __future__ import annotations

import secrets
import socket

FIRST, COUNT = 10_000, 20_000
"""Below what the kernel hands out by itself, for outgoing connections too."""

_claims: list[socket.socket] = []
"""Abstract names, each kept until this process ends; the kernel gives a name to one process only."""


def free_port() -> int:
    """A port that this process alone may use from now on."""
    start = secrets.randbelow(COUNT)
    ports = (FIRST + (start + i) % COUNT for i in range(COUNT))
    return next(port for port in ports if _claim(port) and _nobody_listens(port))


def _claim(port: int) -> bool:
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0xite-test-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def _nobody_listens(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
