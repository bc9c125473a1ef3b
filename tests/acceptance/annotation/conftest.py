from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.finetuning import add_head
from tests.support.service import NAME, Service, build, pairs, pool, running, source
from xite_core.bundle.build import Builder, BuildOptions
from xite_core.bundle.bundle import open_bundle
from xite_core.bundle.store import BundleStore
from xite_core.encoder.hashing import HashingEncoder


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A bundle with held-out rows, which fine-tuning needs, one of pairs, and one with a head."""
    home: Path = tmp_path_factory.mktemp("home")
    held_out = Builder(BundleStore(home), HashingEncoder(), BuildOptions(validation=0.2))
    held_out.build(NAME, [source()], pool())
    build(home, "pairs", pairs())
    build(home, "tuned", source(), "r1")
    add_head(open_bundle(home / "bundles" / "tuned" / "r1"), home, "r2-tuned")
    with running(home, default_bundle=NAME, max_inputs=300, max_text_chars=5000) as service:
        yield service


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60) as client:
        yield client
