from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.jobs import Installation, installed, request

LONG = 120
"""Epochs of a job that can be disturbed several times."""


@dataclass(frozen=True)
class Undisturbed:
    """What the long job gives when nobody disturbs it."""

    installation: Installation
    weights: str


@pytest.fixture(scope="package")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    home: Path = tmp_path_factory.mktemp("jobs")
    with installed(home) as installation:
        job = installation.wait_for(installation.submit(request(LONG, bundle="reference")), "succeeded")
        yield Undisturbed(installation, installation.weights(job))
