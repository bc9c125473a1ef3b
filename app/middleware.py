"""The outermost layer: request ids, the hard cap on bodies, one log line a request, no exception ever gets out."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Mapping
from threading import Event

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLargeError, BodyTooSlowError, DrainingError, MediaTypeError
from app.logs import frames
from app.metrics.instruments import count_request
from app.problems import Respond

log = structlog.get_logger(__name__)
REQUEST_ID = "X-Request-ID"
PROBES = ("/health/live", "/health/ready", "/metrics")
STILL_ANSWERED = ("/health/live", "/metrics")
"""While the process drains."""

BODY_SECONDS = 20.0
LEAST_BYTES_A_SECOND = 1024
"""A body that comes more slowly, after those first seconds, is given up."""

_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestMiddleware:
    """Wraps the application.

    Parameters
    ----------
    app : ASGIApp
        What is wrapped.
    max_body_bytes : int
        A body that grows beyond this is refused while it arrives.
    respond : callable
        Renders an exception that nothing else has answered.
    draining : Event
        Once set, new requests are refused.
    uploads : mapping of str to int, optional
        Paths with a cap of their own: bodies that are streamed to disk, or hold far more than texts.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        respond: Respond,
        draining: Event,
        uploads: Mapping[str, int] | None = None,
    ) -> None:
        self.app, self.max_body_bytes, self.respond, self.draining = app, max_body_bytes, respond, draining
        self.uploads = uploads or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self.uploads.get(scope["path"], self.max_body_bytes))
        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            try:
                await self._serve(scope, exchange)
            except Exception as error:
                log.error("unexpected error", error=type(error).__name__, frames=frames(error))
                if exchange.status is None:
                    response = self.respond(error, scope)
                    await response(scope, receive, exchange.send)
            finally:
                exchange.log()

    async def _serve(self, scope: Scope, exchange: _Exchange) -> None:
        if self.draining.is_set() and scope["path"] not in STILL_ANSWERED:
            await self.respond(DrainingError(), scope)(scope, exchange.receive, exchange.send)
            return
        await self.app(scope, exchange.receive, exchange.send)


class _Exchange:
    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body_bytes: int) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.max_body_bytes, self.seen = max_body_bytes, 0
        self.headers = Headers(scope=scope)
        given = self.headers.get(REQUEST_ID, "")
        self.request_id = given if _SAFE_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = self.request_id
        self.started = time.perf_counter()
        self.status: int | None = None
        self.more_body = True

    async def receive(self) -> Message:
        if not self.more_body:
            return await self._receive()
        self._check_headers()
        message = await self._in_time()
        if message["type"] == "http.request":
            self.seen += len(message.get("body", b""))
            self.more_body = message.get("more_body", False)
            if self.seen > self.max_body_bytes:
                raise BodyTooLargeError(self.max_body_bytes)
        return message

    def _check_headers(self) -> None:
        declared = self.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self.max_body_bytes:
            raise BodyTooLargeError(self.max_body_bytes)
        coding = self.headers.get("content-encoding", "identity")
        if coding.lower() != "identity":
            raise MediaTypeError(f"content encoding {coding[:80]!r}; bodies are not decompressed, send them plain")

    async def _in_time(self) -> Message:
        allowed = BODY_SECONDS + self.seen / LEAST_BYTES_A_SECOND
        try:
            async with asyncio.timeout(self.started + allowed - time.perf_counter()):
                return await self._receive()
        except TimeoutError:
            raise BodyTooSlowError from None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)[REQUEST_ID] = self.request_id
        await self._send(message)

    def log(self) -> None:
        route = getattr(self.scope.get("route"), "path", None)
        # Probes come every few seconds and say nothing as long as they succeed.
        write = log.debug if route in PROBES and self.status == 200 else log.info
        seconds = time.perf_counter() - self.started
        count_request(self.scope["method"], route, self.status, seconds)
        write(
            "request",
            method=self.scope["method"],
            route=route,
            status=self.status,
            ms=round(seconds * 1000, 1),
            bytes_in=self.seen,
        )
