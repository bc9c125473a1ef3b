from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Shared by the tests that need no settings of their own: give results a name of their own."""
    with installed(tmp_path_factory.mktemp("jobs")) as installation:
        yield installation


@pytest.fixture(scope="package")
def undisturbed(installation: Installation) -> Undisturbed:
    job = installation.wait_for(installation.submit(request(LONG, bundle="reference")), "succeeded")
    return Undisturbed(installation, installation.weights(job))
