"""Fixtures that tests of the whole library share."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.support.bundles import build_small, demo_rows
from xite_core.augmenter import Augmenter
from xite_core.bundle.bundle import Bundle
from xite_core.encoder.hashing import HashingEncoder


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small bundle of single texts, shared: do not change its files."""
    return build_small(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="session")
def pair_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small bundle of text pairs, shared: do not change its files."""
    return build_small(tmp_path_factory.mktemp("shared-pairs"), demo_rows("nli", "en", 90))


@pytest.fixture(scope="session")
def augmenter(bundle: Bundle) -> Augmenter:
    return Augmenter(bundle, HashingEncoder())


@pytest.fixture
def revision(bundle: Bundle, tmp_path: Path) -> Path:
    """A copy of the small bundle's revision to damage, verified and stamped, in the data directory ``tmp_path``."""
    home = bundle.directory.parents[2]
    shutil.copytree(home / "bundles", tmp_path / "bundles")
    return tmp_path / "bundles" / bundle.name / bundle.revision


@pytest.fixture
def small_disk(tmp_path: Path) -> Callable[[str], AbstractContextManager[Path]]:
    """Mounts a real file system of some size, such as ``"1m"``."""

    @contextmanager
    def mounted(size: str) -> Iterator[Path]:
        place = tmp_path / f"disk-{size}"
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("mounting a tmpfs is not permitted here; the full disk is tested only where it is")
        try:
            yield place
        finally:
            subprocess.run(["umount", "--lazy", str(place)], check=True)

    return mounted


def pytest_sessionstart() -> None:
    # a run started in the background inherits an ignored SIGINT, and so would the processes that tests interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)
