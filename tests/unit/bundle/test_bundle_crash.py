"""Builders that die or race: nothing half-written is ever seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bundles import NAME, ROOT, build_small
from xite_core.bundle.bundle import open_bundle
from xite_core.bundle.store import BundleStore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks and kills processes")


def told(*arguments: object) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.dying_builder", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_builder_killed_at_any_step_leaves_nothing_half_written(tmp_path: Path) -> None:
    result = told("steps", tmp_path)
    assert result["problems"] == []
    assert result["status"] == 0
    assert result["steps"] > 25
    published = result["published"]
    assert published[-1] >= 1
    assert published[20] == 0
    assert published == sorted(published)
    build_small(tmp_path, name=NAME)


def test_a_builder_killed_at_any_moment_leaves_nothing_half_written(tmp_path: Path) -> None:
    result = told("moments", tmp_path, 8)
    assert result["problems"] == []
    assert result["killed"] > 0
    store = BundleStore(tmp_path)
    assert store.revisions(NAME)[-1] == "z-last"
    assert result["last"] == store.resolve(NAME).name == store.revisions(NAME)[0], "the first one stays active"
    for revision in store.revisions(NAME):
        open_bundle(store.directory(NAME, revision), full_check=True)


def test_of_two_builders_of_one_revision_exactly_one_publishes(tmp_path: Path) -> None:
    result = told("race", tmp_path, NAME, "r1")
    assert result == {"statuses": [0, 3], "problems": []}
    assert BundleStore(tmp_path).revisions(NAME) == ["r1"]
    left = [path.name for path in (tmp_path / "bundles" / NAME).iterdir() if path.name.endswith(".tmp")]
    assert left == []
