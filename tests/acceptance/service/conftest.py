from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.bundles.endpoints import OLD
from app.datasets import examples
from app.datasets.intake import Upload
from app.datasets.store import DatasetStore
from tests.support.finetuning import add_head
from tests.support.service import NAME, Service, build, pairs, running, source
from xite_core.bundle.bundle import open_bundle


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The demo bundle in three revisions, the examples of the documentation among them, and a bundle of pairs."""
    home: Path = tmp_path_factory.mktemp("home")
    build(home, NAME, source(marker="a"), OLD)
    build(home, NAME, source(marker="b"), "20260425T101500000000-000002")
    build(home, NAME, source(marker="c"), "20260425T101500000000-000003")
    build(home, "pairs", pairs())
    build(home, "demo-tuned", source(), "r1")
    add_head(open_bundle(home / "bundles" / "demo-tuned" / "r1"), home, "r2-tuned")
    keep_example_dataset(home)
    with running(home, default_bundle=NAME, max_inputs=300, max_text_chars=5000) as service:
        yield service


def keep_example_dataset(home: Path) -> None:
    """The dataset that the documentation's examples name."""
    file = home / "reviews.jsonl"
    file.write_text(examples.JSONL, "utf8")
    DatasetStore(home).add(file, Upload("reviews", "en"), dataset_id=examples.DATASET_ID)


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60) as client:
        yield client
