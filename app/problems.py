"""Faults as answers: ``application/problem+json`` (RFC 9457), and OpenAI's shape under ``/v1``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Scope

from app.errors import NAMESPACE, ServiceError
from app.faults import Fault, fault_of
from xite_core.errors import XiteError

Respond = Callable[[Exception, Scope], Response]
PROBLEM_TYPE = "application/problem+json"
_OPENAI_TYPES = {404: "not_found_error", 429: "rate_limit_error"}


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="path of the field, such as inputs[3].text")
    pointer: str | None = Field(None, description="the same as a JSON pointer into the body")
    index: int | None = Field(None, description="position of the item in inputs")
    line: int | None = Field(None, description="line of an uploaded text file, from 1")
    row: int | None = Field(None, description="row of an uploaded table, from 1")
    detail: str


class Problem(BaseModel):
    """An error, after RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="urn:xite:request: and the request id, as in the header X-Request-ID")
    errors: list[FieldProblem] = Field(default_factory=list)


class OpenAIErrorBody(BaseModel):
    """An error in the words of OpenAI's API."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(BaseModel):
    """An error, as OpenAI's API gives it."""

    error: OpenAIErrorBody


def add_handlers(app: FastAPI, respond: Respond) -> None:
    """Answer every exception of the table; the unexpected ones are left to the outermost middleware."""

    async def handle(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            error.headers = _allowing(app.openapi()["paths"], request.url.path) or error.headers
        return respond(error, request.scope)

    for kind in (XiteError, ServiceError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)


def _allowing(paths: Mapping[str, Any], path: str) -> dict[str, str]:
    """The methods of the path that fits best; the router tells those of the first fitting route only."""
    fitting = [template for template in paths if compile_path(template)[0].match(path)]
    if not fitting:
        return {}
    best = min(fitting, key=lambda template: template.count("{"))
    return {"Allow": ", ".join(sorted(method.upper() for method in paths[best]))}


def responder(home: Path) -> Respond:
    """Give the function that renders exceptions; paths in them are cut down to what lies below the data directory."""
    prefixes = sorted({f"{home}/", f"{home.resolve()}/"}, key=len, reverse=True)

    def respond(error: Exception, scope: Scope) -> Response:
        fault = fault_of(error)
        for prefix in prefixes:
            fault = replace(fault, detail=fault.detail.replace(prefix, ""))
        return _rendered(fault, scope["path"], scope.get("state", {}).get("request_id", ""))

    return respond


def _rendered(fault: Fault, path: str, request_id: str) -> Response:
    if path.startswith("/v1/"):
        body, status, media = _openai_body(fault), _openai_status(fault), "application/json"
    else:
        body, status, media = _problem_body(fault, request_id), fault.kind.status, PROBLEM_TYPE
    return Response(orjson.dumps(body), status, fault.headers, media)


def _problem_body(fault: Fault, request_id: str) -> dict[str, Any]:
    return {
        "type": NAMESPACE + fault.kind.slug,
        "title": fault.kind.title,
        "status": fault.kind.status,
        "detail": fault.detail,
        "instance": "urn:xite:request:" + request_id,
        "errors": fault.fields,
    }


def _openai_status(fault: Fault) -> int:
    """OpenAI's API knows no 422."""
    return 400 if fault.kind.status == 422 else fault.kind.status


def _openai_body(fault: Fault) -> dict[str, Any]:
    status = _openai_status(fault)
    kind = _OPENAI_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    param = fault.fields[0]["field"] if fault.fields else None
    code = fault.kind.slug.replace("-", "_")
    return {"error": {"message": fault.detail, "type": kind, "param": param, "code": code}}
