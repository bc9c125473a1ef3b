"""What the OpenAPI document says beyond what FastAPI finds: errors, example answers, scopes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.augment import examples
from app.auth.scopes import Scope, scope_of
from app.predict.examples import PREDICT_ANSWER
from app.problems import PROBLEM_TYPE, OpenAIError, Problem
from app.routing import problems

DESCRIPTION = (
    "Training data for low-resource languages from labeled English: match target texts with labeled English examples, "
    "adopt their labels, interpolate the embeddings. Errors are `application/problem+json` (RFC 9457), under `/v1` in "
    "OpenAI's shape. Every answer carries `X-Request-ID`; one that you send is used."
)
_TEMPLATE = "#/components/schemas/{model}"


def document_with(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Give the function that makes the application's document, once."""
    made: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        if not made:
            made.update(
                get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            )
            _add_errors(made)
            _add_answers(made)
            _add_security(made)
        return made

    return document


def _add_errors(document: dict[str, Any]) -> None:
    """Add the error bodies, and take out what FastAPI assumes about validation errors."""
    models: Any = [(model, "serialization") for model in (Problem, OpenAIError)]
    _, definitions = models_json_schema(models, ref_template=_TEMPLATE)
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.update(definitions["$defs"])
    for path in document["paths"].values():
        for operation in path.values():
            described = operation["responses"]
            if "HTTPValidationError" in json.dumps(described.get("422", {})):
                del described["422"]


def _add_answers(document: dict[str, Any]) -> None:
    """Add the example answers here, since FastAPI drops every null of the ones that a route is given."""
    answers = {"/match": examples.MATCH_ANSWER, "/augment": examples.AUGMENT_ANSWER, "/predict": PREDICT_ANSWER}
    for path, answer in answers.items():
        document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["example"] = answer


def _add_security(document: dict[str, Any]) -> None:
    """Say which scope each operation needs, and how it refuses."""
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "an API key"},
        "basic": {"type": "http", "scheme": "basic", "description": "any name, and an API key as the password"},
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            scope = scope_of(method.upper(), path)
            if scope in (None, Scope.NONE):
                continue
            operation["security"] = [{"bearer": []}, {"basic": []}]
            operation["description"] += f"\n\nWhere keys are required: scope `{scope}`."
            shape = ("application/json", "OpenAIError") if path.startswith("/v1/") else (PROBLEM_TYPE, "Problem")
            for status, described in problems(401, 403, 429, media=shape[0], schema=shape[1]).items():
                operation["responses"].setdefault(str(status), described)
