"""Every route has a scope on purpose; what has none is refused."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from app.auth.scopes import Scope, scope_of
from app.main import create_app
from app.settings.service import Settings

EXPECTED = {
    "GET /health/live": Scope.NONE,
    "GET /health/ready": Scope.NONE,
    "GET /metrics": Scope.NONE,
    "GET /info": Scope.READ,
    "POST /match": Scope.READ,
    "POST /augment": Scope.READ,
    "POST /v1/embeddings": Scope.READ,
    "GET /v1/models": Scope.READ,
    "GET /v1/models/{model}": Scope.READ,
    "GET /bundles": Scope.READ,
    "GET /bundles/{name}": Scope.READ,
    "POST /bundles/{name}/activate": Scope.ADMIN,
    "POST /bundles/{name}/rollback": Scope.ADMIN,
    "DELETE /bundles/{name}/{revision}": Scope.ADMIN,
}
"""The calls whose scope matters most, or that were here first; all others follow the same rule."""


def described(app: FastAPI) -> dict[str, Scope | None]:
    return {
        f"{method.upper()} {path}": scope_of(method.upper(), path)
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }


@pytest.fixture(scope="module")
def scopes() -> dict[str, Scope | None]:
    return described(create_app(Settings()))


def test_no_route_is_without_a_scope(scopes: dict[str, Scope | None]) -> None:
    missing = [call for call, scope in scopes.items() if scope is None]
    assert missing == [], "add a rule to app/auth/scopes.py"


def test_the_scopes_are_as_expected(scopes: dict[str, Scope | None]) -> None:
    assert {call: scopes[call] for call in EXPECTED} == EXPECTED


def test_only_probes_need_no_key(scopes: dict[str, Scope | None]) -> None:
    open_calls = {call.split("/")[1] for call, scope in scopes.items() if scope is Scope.NONE}
    assert open_calls <= {"health", "metrics"}


def test_changing_calls_need_more_than_read_unless_they_only_compute(scopes: dict[str, Scope | None]) -> None:
    computing = {"match", "augment", "predict", "review", "v1", "label-studio", "argilla", "doccano"}
    for call, scope in scopes.items():
        method, path = call.split()
        if method != "GET" and path.split("/")[1] not in computing:
            assert scope in (Scope.WRITE, Scope.ADMIN), call


@pytest.mark.parametrize("path", ["/new", "/matching", "/bundlesX", "/health2", "//bundles", "/augment.json"])
def test_what_is_not_declared_is_refused(path: str) -> None:
    assert scope_of("GET", path) is None
    assert scope_of("POST", path) is None


def test_the_longest_prefix_counts() -> None:
    assert scope_of("POST", "/label-studio/predict") is Scope.READ
    assert scope_of("POST", "/label-studio/webhook") is Scope.WRITE
    assert scope_of("POST", "/label-studio/webhooks") is Scope.READ
    assert scope_of("POST", "/health/live") is None
