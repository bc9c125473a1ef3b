"""A small HTTP client over asyncio streams; a full one would need more of the generator's core than the load."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Self

TIMEOUT = 90.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Status 0 stands for a broken connection."""

    status: int
    retry_after: int = 1


class Connections:
    """Kept-alive connections to a port of this machine, as many as are in use at once.

    Parameters
    ----------
    port : int
        Where the service listens.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for _, writer in self._idle:
            writer.close()

    async def post(self, path: str, body: bytes) -> Answer:
        """Send JSON, read the whole answer; a connection that the server closed while idle is opened again."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        while True:
            reused = bool(self._idle)
            try:
                async with asyncio.timeout(TIMEOUT):
                    reader, writer = self._idle.pop() if reused else await self._open()
                    writer.write(head + body)
                    return await self._answer(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                if not reused:
                    return Answer(0)
            except TimeoutError:
                return Answer(0)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status, *lines = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if ": " in line)
        await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return Answer(int(status.split()[1]), int(headers.get("retry-after", "1")))
