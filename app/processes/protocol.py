"""Uvicorn's HTTP protocol with bounds on what a client may keep waiting: headers, and answers that it does not read."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.errors import NAMESPACE

HEADER_BYTES = 32_768
HEADER_COUNT = 100
HEADER_SECONDS = 10.0
"""From the first moment of a connection, or the first byte of a later request, to the end of the headers."""

READ_SECONDS = 20.0
LEAST_BYTES_A_SECOND = 1024
"""A client that reads its answer more slowly, over those seconds, is cut off."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_headers = True
        self._header_bytes = 0
        self._headers_due: asyncio.TimerHandle | None = None
        self._reading_due: asyncio.TimerHandle | None = None
        self._unread = 0
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for headers."""
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._headers_arrived()
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before the headers are complete; the parser would keep any amount."""
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > HEADER_BYTES:
            self._refuse(431, "headers-too-large", "the headers are too large")

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        if not self._in_headers:
            self._await_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        super().on_header(name, value)
        if len(self.headers) > HEADER_COUNT or len(self.url) + sum(map(_size, self.headers)) > HEADER_BYTES:
            self._refuse(431, "headers-too-large", "the headers are too large")

    def on_headers_complete(self) -> None:
        """Hand the request over, unless it was refused."""
        self._headers_arrived()
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body over."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body."""
        if not self._refused:
            super().on_message_complete()

    def pause_writing(self) -> None:
        """Watch a client that does not read as fast as the answer is written."""
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        """The client has read enough."""
        self._stop_watching()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, also where the end of the last answer was never read."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(READ_SECONDS, self.transport.abort)

    def _await_headers(self) -> None:
        self._in_headers, self._header_bytes = True, 0
        if self._headers_due is not None:
            self._headers_due.cancel()
        self._headers_due = self.loop.call_later(
            HEADER_SECONDS, self._refuse, 408, "headers-too-slow", "the headers came too slowly"
        )

    def _headers_arrived(self) -> None:
        self._in_headers = False
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _watch_reading(self) -> None:
        self._stop_watching()
        self._unread = self.transport.get_write_buffer_size()
        self._reading_due = self.loop.call_later(READ_SECONDS, self._check_reading)

    def _check_reading(self) -> None:
        if self._unread - self.transport.get_write_buffer_size() < READ_SECONDS * LEAST_BYTES_A_SECOND:
            self.transport.abort()
        else:
            self._watch_reading()

    def _stop_watching(self) -> None:
        if self._reading_due is not None:
            self._reading_due.cancel()
            self._reading_due = None

    def _refuse(self, status: int, slug: str, detail: str) -> None:
        """Answer without the application, and close."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        problem = {"type": NAMESPACE + slug, "title": detail, "status": status, "detail": detail, "errors": []}
        body = json.dumps(problem).encode()
        head = (
            f"HTTP/1.1 {status} {detail}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def _size(header: tuple[bytes, bytes]) -> int:
    return len(header[0]) + len(header[1])
