"""Every call of the OpenAPI file, with the examples from the file, against a real server."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jsonschema
import pytest

from app.bundles.endpoints import OLD
from app.openapi import DOCUMENT, rendered
from tests.support.service import NAME, Service

SPEC: dict[str, Any] = json.loads(DOCUMENT.read_text("utf8"))
ORDER = ["activate_bundle", "roll_back_bundle", "delete_revision"]


def calls() -> list[Any]:
    found = []
    for path, methods in SPEC["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            bodies = {name: example["value"] for name, example in content.get("examples", {}).items()} or {"": None}
            for name, body in bodies.items():
                found.append(pytest.param(path, method, operation, body, id=f"{operation['operationId']}-{name}"))
    rank = {name: i for i, name in enumerate(ORDER)}
    return sorted(found, key=lambda call: rank.get(call.values[2]["operationId"], -1))


def schema_of(schema: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps({**schema, "$defs": SPEC["components"]["schemas"]})
    loaded: dict[str, Any] = json.loads(text.replace("#/components/schemas/", "#/$defs/"))
    return loaded


def test_the_stored_document_is_current() -> None:
    assert DOCUMENT.read_text("utf8") == rendered(), "run: python -m app.openapi"


def test_every_operation_is_described() -> None:
    for methods in SPEC["paths"].values():
        for operation in methods.values():
            assert operation["operationId"]
            assert operation["summary"]
            assert operation["description"]
            for parameter in operation.get("parameters", []):
                assert parameter["examples"]
            if "requestBody" in operation:
                assert operation["requestBody"]["content"]["application/json"]["examples"]


@pytest.mark.parametrize(("path", "method", "operation", "body"), calls())
def test_example(
    service: Service, http: httpx.Client, path: str, method: str, operation: dict[str, Any], body: object
) -> None:
    if operation["operationId"] == "delete_revision":
        service.store.activate(NAME, "20260425T101500000000-000003")
    if operation["operationId"] == "roll_back_bundle":
        http.post(f"/bundles/{NAME}/activate", json={"revision": OLD}).raise_for_status()
    for parameter in operation.get("parameters", []):
        value = next(iter(parameter["examples"].values()))["value"]
        path = path.replace("{" + parameter["name"] + "}", value)
    answer = http.request(method, path, json=body) if body is not None else http.request(method, path)
    assert answer.status_code == 200, answer.text
    described = operation["responses"]["200"]["content"]["application/json"]
    jsonschema.validate(answer.json(), schema_of(described["schema"]))
    if "example" in described:
        jsonschema.validate(described["example"], schema_of(described["schema"]))
