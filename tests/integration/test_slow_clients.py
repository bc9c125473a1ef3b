"""Clients that send or read too slowly, or too much of a header, against uvicorn with our protocol; short times."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from app import middleware
from app.middleware import RequestMiddleware
from app.problems import responder
from app.processes import protocol

BIG = 30_000_000
RESPOND = responder(Path("/nowhere"))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    answer: Response = PlainTextResponse(b"x" * BIG if scope["path"] == "/big" else b"ok")
    try:
        await request.body()
    except middleware.BodyTooSlowError as error:
        answer = RESPOND(error, scope)
    await answer(scope, receive, send)


class Served:
    def __init__(self, port: int, server: uvicorn.Server) -> None:
        self.port, self.server = port, server

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            yield connection

    def ask(self, raw: bytes) -> bytes:
        with self.connected() as connection:
            connection.sendall(raw)
            return received(connection)


def one_answer(connection: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"ok"):
        found += connection.recv(65536)
    return found


def received(connection: socket.socket) -> bytes:
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(protocol, "READ_SECONDS", 0.5)
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.5)
    app = RequestMiddleware(echo, 100_000, RESPOND, threading.Event())
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, http=protocol.GuardedProtocol, ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield Served(listening.getsockname()[1], server)
        server.should_exit = True
        thread.join()


GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


def test_an_honest_client(served: Served) -> None:
    assert b" 200 OK" in served.ask(GET + b"Connection: close\r\n\r\n")
    with served.connected() as connection:
        for _ in range(3):
            connection.sendall(GET + b"\r\n")
            assert b" 200 OK" in one_answer(connection)
            time.sleep(0.7)  # longer than headers may take, but none has begun


@pytest.mark.parametrize("sent", [b"", b"GET", GET, GET + b"X-A: b\r\n"])
def test_headers_that_do_not_come(served: Served, sent: bytes) -> None:
    started = time.monotonic()
    assert served.ask(sent).startswith(b"HTTP/1.1 408 ")
    assert 0.3 < time.monotonic() - started < 3


def test_headers_that_trickle_after_a_first_request(served: Served) -> None:
    with served.connected() as connection:
        connection.sendall(GET + b"\r\n")
        assert b" 200 OK" in one_answer(connection)
        for byte in (GET * 2)[:12]:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)
            if served_enough(connection):
                return
    raise AssertionError("the trickle was taken")


def served_enough(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return b" 408 " in connection.recv(65536)
    except BlockingIOError:
        return False
    finally:
        connection.settimeout(10)


@pytest.mark.parametrize(
    "headers",
    [b"X-Big: " + b"a" * 40_000, b"X-Big: " + b"a" * 5_000_000, b"\r\n".join(b"X-%d: a" % i for i in range(200))],
    ids=["40 kB", "5 MB", "200 of them"],
)
def test_too_much_of_a_header(served: Served, headers: bytes) -> None:
    with served.connected() as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(GET + headers + b"\r\n\r\n")
        answer = received(connection)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")  # what was sent in vain may reset the connection


def test_a_long_path(served: Served) -> None:
    assert served.ask(b"GET /" + b"a" * 33_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 431 ")


def test_a_body_that_trickles(served: Served) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    answer = served.ask(head + b"x" * 10)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"body-too-slow" in answer
    assert b" 200 OK" in served.ask(head.replace(b"Host", b"Connection: close\r\nHost") + b"x" * 1000)


def test_a_compressed_body(served: Served) -> None:
    answer = served.ask(
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert answer.startswith(b"HTTP/1.1 415 ")


def test_an_answer_that_nobody_reads_does_not_stay_in_memory(served: Served) -> None:
    with served.connected() as connection:
        connection.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        until = time.monotonic() + 10
        while not served.server.server_state.connections and time.monotonic() < until:
            time.sleep(0.01)
        while served.server.server_state.connections and time.monotonic() < until:
            time.sleep(0.05)
        assert not served.server.server_state.connections
        assert len(received(connection)) < BIG


def test_an_answer_that_is_read_slowly_but_steadily_arrives(served: Served) -> None:
    with served.connected() as connection:
        connection.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        found = 0
        while piece := connection.recv(1_000_000):
            found += len(piece)
            time.sleep(0.03)
    assert found > BIG


@pytest.mark.parametrize("junk", [b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"])
def test_what_is_not_http(served: Served, junk: bytes) -> None:
    assert served.ask(junk).startswith(b"HTTP/1.1 400 ")
