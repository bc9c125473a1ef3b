"""The default bundle of a service that is started again."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.support.service import NAME, Service, build, running, source


def answering(service: Service) -> str:
    answer = httpx.post(service.url + "/match", json={"inputs": ["good film"]}, timeout=60)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["bundle"]["name"])


def test_it_is_the_same_beside_a_second_bundle_unless_another_is_set(tmp_path: Path) -> None:
    build(tmp_path, NAME, source())
    with running(tmp_path) as service:
        assert answering(service) == NAME
    build(tmp_path, "another", source())
    with running(tmp_path) as service:
        assert answering(service) == NAME
    with running(tmp_path, default_bundle="another") as service:
        assert answering(service) == "another"
