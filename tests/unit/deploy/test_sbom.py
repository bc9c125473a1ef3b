from __future__ import annotations

import re
from typing import Any

import pytest

from deploy.sbom import ROOT, bill

pytest.importorskip("cyclonedx_py")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return bill()


def test_every_locked_package_is_listed(document: dict[str, Any]) -> None:
    locked = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", (ROOT / "requirements.lock").read_text("utf8"), re.M))
    listed = {component["name"]: component.get("version") for component in document["components"]}
    assert {name: listed.get(name) for name in locked} == locked


def test_the_embedded_redis_is_listed(document: dict[str, Any]) -> None:
    (redis,) = [
        component for component in document["components"] if component.get("purl", "").startswith("pkg:generic")
    ]
    assert redis["name"] == "valkey-server"
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", redis["version"])


def test_the_bill_is_reproducible(document: dict[str, Any]) -> None:
    assert bill() == document
    assert document["bomFormat"] == "CycloneDX"
    assert document["metadata"]["component"]["name"] == "xite-service"
