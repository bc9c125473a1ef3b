"""The files for operators name settings, routes, scopes and metrics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from app.auth.keys import read_keys
from app.main import create_app
from app.metrics import instruments
from app.settings import reference
from app.settings.service import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
YAML = [ROOT / "compose.yaml", *sorted(DEPLOY.rglob("*.yaml")), *sorted(DEPLOY.rglob("*.yml"))]


def documents() -> Iterator[dict[str, Any]]:
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text("utf8"))


def containers(kind: str) -> list[dict[str, Any]]:
    return [
        container
        for document in documents()
        if document["kind"] == kind
        for container in document["spec"]["template"]["spec"]["containers"]
    ]


def test_the_reference_of_the_settings_is_current() -> None:
    assert reference.DOCUMENT.read_text("utf8") == reference.rendered(), "run: python -m app.settings.reference"


@pytest.mark.parametrize("path", [*YAML, ROOT / "Dockerfile"], ids=lambda path: str(path.relative_to(ROOT)))
def test_only_settings_that_there_are(path: Path) -> None:
    text = path.read_text("utf8")
    named = set(re.findall(PREFIX + r"[A-Z_]+[A-Z]", text))
    assert named <= {PREFIX + name.upper() for name in Settings.model_fields}, path
    if path.suffix in (".yaml", ".yml"):
        assert list(yaml.safe_load_all(text))


def test_probes_ask_routes_that_there_are() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    asked = [
        container[probe]["httpGet"]["path"]
        for container in containers("Deployment")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        if probe in container
    ]
    assert sorted(asked) == ["/health/live", "/health/live", "/health/ready"]
    assert set(asked) <= set(paths)
    assert "/health/live" in (ROOT / "Dockerfile").read_text("utf8")


def test_every_container_is_confined() -> None:
    confined = containers("Deployment") + containers("StatefulSet")
    assert len(confined) == 3
    for container in confined:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]


def test_the_secret_is_a_file_of_keys_and_holds_none(tmp_path: Path) -> None:
    secret = next(document for document in documents() if document["kind"] == "Secret")
    path = tmp_path / "api-keys.json"
    path.write_text(secret["stringData"]["api-keys.json"], "utf8")
    assert read_keys(path) == ()


@pytest.mark.parametrize("name", ["grafana/xite.json", "prometheus/alerts.yml"])
def test_only_metrics_that_there_are(name: str) -> None:
    assert instruments.REQUESTS is not None
    known = {sample for names in REGISTRY._collector_to_names.values() for sample in names}
    known |= {"xite_jobs", "xite_redis_up"}
    text = (DEPLOY / name).read_text("utf8")
    queries = re.findall(r'"?expr"?: (.+)', text)
    used = {metric for query in queries for metric in re.findall(r"\b(?:xite|process)_[a-z_]+", query)}
    assert len(used) >= 5
    assert used <= known, used - known


def test_the_dashboard_is_whole() -> None:
    board = json.loads((DEPLOY / "grafana" / "xite.json").read_text("utf8"))
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) >= 12
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]}
    assert len(places) == len(ids)
