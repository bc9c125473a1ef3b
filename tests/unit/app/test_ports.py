"""Ports: refused in one line where they cannot be listened on, and never shared by two tests."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.processes.ports import check_port, usable_port
from tests.support.ports import FIRST, free_port
from xite_core.errors import OptionError

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_taken_port_is_refused(taken: int) -> None:
    with pytest.raises(OptionError, match=f"port={taken}: .* 127.0.0.1 .*in use"):
        check_port(HOST, taken)


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid", "a..b", "x" * 64])
def test_host_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(OptionError, match=f"host='{host}'"):
        check_port(host, 0)


def test_free_port_is_usable() -> None:
    port = free_port()
    check_port(HOST, port)
    assert usable_port(HOST, port) == port


def test_another_port_is_used_where_one_is_taken(taken: int) -> None:
    port = usable_port(HOST, taken)
    assert port not in (0, taken)
    check_port(HOST, port)


def test_two_processes_of_the_tests_share_no_port() -> None:
    here = free_port()
    claim = f"import tests.support.ports as ports; print(ports._claim({here}), ports.free_port())"
    done = subprocess.run([sys.executable, "-c", claim], capture_output=True, text=True, check=True)
    claimed, there = done.stdout.split()
    assert (claimed, int(there) != here) == ("False", True)
    assert FIRST <= here < 32768
