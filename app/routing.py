"""How bodies are read, and what every endpoint gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any, TypeVar

import orjson
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from app.errors import ClientGoneError, MalformedBodyError, MediaTypeError
from app.problems import PROBLEM_TYPE
from app.runtime import Runtime

T = TypeVar("T")
Responses = dict[int | str, dict[str, Any]]

MAX_DEPTH = 64
"""Levels of a body; far more than any call needs, far fewer than what hurts those that walk through it."""

_MEANINGS = {
    400: "The body is not JSON.",
    401: "No valid API key.",
    403: "The API key is not good for this, or a page of another origin calls.",
    404: "There is no such bundle, revision or model.",
    409: "The bundle's state forbids this.",
    413: "The body exceeds the hard cap.",
    415: "The body is not declared as JSON.",
    422: "A field cannot be used; `errors` names it.",
    429: "Too much is waiting; `Retry-After` says when to come back.",
    503: "Not ready, stopping, or not done in time; `Retry-After` says when to come back.",
}
BODY_PROBLEMS = (400, 413, 415, 422, 429, 503)


def problems(*statuses: int, media: str = PROBLEM_TYPE, schema: str = "Problem") -> Responses:
    """Describe the errors of an operation."""
    reference = {"$ref": f"#/components/schemas/{schema}"}
    headers = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    described: Responses = {}
    for status in statuses:
        described[status] = {"description": _MEANINGS[status], "content": {media: {"schema": reference}}}
        if status in (429, 503):
            described[status]["headers"] = headers
    return described


class JsonRequest(Request):
    """A request whose body is JSON, read so that a bad text can be named by its position."""

    async def json(self) -> Any:
        """Parse the body.

        Raises
        ------
        MalformedBodyError
            If it is not JSON.
        """
        if not hasattr(self, "_json"):
            self._json = parse_json(await self.body())
        return self._json


class JsonRoute(APIRoute):
    """Checks media type and body before the endpoint's model does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler

        async def handle(request: Request) -> Response:
            own = JsonRequest(request.scope, request.receive)
            check_media_type(own.headers.get("content-type", ""))
            await own.json()
            return await handler(own)

        return handle


def check_media_type(value: str) -> None:
    """Refuse what is not declared as JSON.

    Raises
    ------
    MediaTypeError
        If it is something else.
    """
    message = Message()
    message["content-type"] = value
    kind = message.get_content_type()
    if not value or not (kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))):
        raise MediaTypeError(f"content type {value[:80] or '(none)'!r}; expected application/json")


def parse_json(body: bytes) -> Any:
    """Parse a body; one that is not UTF-8 or holds NaN is parsed too, so that validation can name the field.

    Raises
    ------
    MalformedBodyError
        If it is not JSON.
    """
    value = _parsed(body)
    # no body is deeper than it has brackets, so nearly all are let through without a look
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise MalformedBodyError(f"nested too deeply; at most {MAX_DEPTH} levels")
    return value


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body.decode("utf-8", "surrogateescape"))
    except json.JSONDecodeError as error:
        raise MalformedBodyError(f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (ValueError, RecursionError):
        raise MalformedBodyError("not readable: nested too deeply, or a number with too many digits") from None


def _is_deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        level = [each for each in inner if isinstance(each, dict | list)]
        if not level:
            return False
    return True


def runtime_of(request: Request) -> Runtime:
    """Dependency: what computes."""
    runtime: Runtime = request.state.runtime
    return runtime


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Do the work, or drop it as soon as the client closes the connection.

    Raises
    ------
    ClientGoneError
        If it did.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGoneError("the client closed the connection")
        return task.result()
    finally:
        gone.cancel()
        task.cancel()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
