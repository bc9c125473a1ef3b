from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.support.finetuning import make_bundle, pairs, reviews
from tests.support.tiny_encoder import make_tiny_xlmr
from xite_core.bundle.bundle import Bundle
from xite_core.encoder.spec import EncoderSpec, PairMode
from xite_core.encoder.transformers_encoder import TransformersEncoder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Equal results are promised at one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("hashing"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TransformersEncoder:
    directory = make_tiny_xlmr(tmp_path_factory.mktemp("tiny") / "encoder")
    return TransformersEncoder(EncoderSpec(str(directory), max_tokens=32), directory)


@pytest.fixture(scope="session")
def tiny_bundle(tiny: TransformersEncoder, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("tiny-bundle"), tiny, reviews(80), name="tiny")


@pytest.fixture(scope="session", params=list(PairMode))
def pair_encoder(request: pytest.FixtureRequest, tiny: TransformersEncoder) -> TransformersEncoder:
    return TransformersEncoder(EncoderSpec(tiny.name, max_tokens=48, pairs=request.param), tiny.directory)


@pytest.fixture(scope="session")
def pair_bundle(pair_encoder: TransformersEncoder, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("pairs"), pair_encoder, pairs(60), name="pairs")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"
