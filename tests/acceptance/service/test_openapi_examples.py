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
ORDER = ["activate_bundle", "roll_back_bundle", "delete_revision", "delete_dataset"]
JSON = "application/json"


def calls() -> list[Any]:
    found = []
    for path, methods in SPEC["paths"].items():
        for method, operation in methods.items():
            for name, media, body in bodies(operation):
                call = (path, method, operation, media, body)
                found.append(pytest.param(*call, id=f"{operation['operationId']}-{name}"))
    rank = {name: i for i, name in enumerate(ORDER)}
    return sorted(found, key=lambda call: rank.get(call.values[2]["operationId"], -1))


def bodies(operation: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Name, media type and value of each example body; one without a body where there are none."""
    found = []
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        for name, example in content.get("examples", {}).items():
            found.append((name if media == JSON else f"{media}-{name}", media, example["value"]))
    return found or [("", "", None)]


def send(http: httpx.Client, method: str, path: str, media: str, body: Any) -> httpx.Response:
    """Send an example in its media type; of a form, the field ``file`` is the file."""
    if media == JSON:
        return http.request(method, path, json=body)
    if media == "multipart/form-data":
        fields = {name: value for name, value in body.items() if name != "file"}
        return http.request(method, path, data=fields, files={"file": ("rows.jsonl", body["file"])})
    content = body.encode() if body is not None else None
    return http.request(method, path, content=content, headers={"content-type": media} if media else {})


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
                assert bodies(operation)[0][0]


@pytest.mark.parametrize(("path", "method", "operation", "media", "body"), calls())
def test_example(
    service: Service, http: httpx.Client, path: str, method: str, operation: dict[str, Any], media: str, body: object
) -> None:
    if operation["operationId"] == "delete_revision":
        service.store.activate(NAME, "20260425T101500000000-000003")
    if operation["operationId"] == "roll_back_bundle":
        http.post(f"/bundles/{NAME}/activate", json={"revision": OLD}).raise_for_status()
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            value = next(iter(parameter["examples"].values()))["value"]
            path = path.replace("{" + parameter["name"] + "}", value)
    status = min(operation["responses"])
    answer = send(http, method, path, media, body)
    assert answer.status_code == int(status) < 300, answer.text
    described = operation["responses"][status]["content"].get("application/json")
    if described is None:
        return
    jsonschema.validate(answer.json(), schema_of(described["schema"]))
    if "example" in described:
        jsonschema.validate(described["example"], schema_of(described["schema"]))
