"""Schemathesis over the whole OpenAPI file with every check, against a real service with keys.

More cases: ``make fuzz-interface`` (``XITE_TEST_EXAMPLES``, by default 4 of each operation here).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.auth.keys import add_key
from app.auth.scopes import Scope
from app.bundles.endpoints import OLD
from app.openapi import DOCUMENT
from tests.support.service import NAME, Service, build, running, source

HERE = Path(__file__).parent
EXAMPLES = os.environ.get("XITE_TEST_EXAMPLES", "4")
SEED = os.environ.get("XITE_TEST_SEED", "20260424")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    home: Path = tmp_path_factory.mktemp("interface")
    for marker, revision in (("a", OLD), ("b", "20260425T101500000000-000002"), ("c", "20260425T101500000000-000003")):
        build(home, NAME, source(marker=marker), revision)
    key = add_key(home / "api-keys.json", "contract", [Scope.READ, Scope.WRITE, Scope.ADMIN])
    # jobs are accepted and never run
    with running(home, default_bundle=NAME, job_workers=0, max_text_chars=5000) as service:
        yield service, key


def test_no_check_fails(guarded: tuple[Service, str], tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    service, key = guarded
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
            *("run", str(DOCUMENT), "--url", service.url, "--header", f"Authorization: Bearer {key}"),
            *("--checks", "all", "--max-examples", EXAMPLES, "--seed", SEED, "--no-color", "--workers", "2"),
        ],
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]
    log = service.log.read_text("utf8")
    assert "unexpected error" not in log
    assert '"status":5' not in log.replace('"status":503', "")
