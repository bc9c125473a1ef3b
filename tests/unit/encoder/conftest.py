from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.tiny_encoder import make_tiny_xlmr


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by all tests: do not change its files."""
    return make_tiny_xlmr(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    """Give a directory to damage."""
    return Path(shutil.copytree(tiny, tmp_path / "copy"))
