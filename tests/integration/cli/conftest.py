"""A data directory with one bundle, built by the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.bundles import demo_rows
from tests.support.command import Command
from xite_core.demo import demo_file


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory, shared: do not change its files."""
    home = tmp_path_factory.mktemp("cli") / "home"
    Command(home, home.parent).succeed(
        "build", demo_file("reviews", "en"), "--name", "demo", "--encoder", "hashing", "--validation", 0.1
    )
    return home


@pytest.fixture
def xite(built: Path, tmp_path: Path) -> Command:
    """The command, with a copy of that data directory and an empty working directory with ``in.jsonl``."""
    shutil.copytree(built, tmp_path / "home")
    folder = tmp_path / "work"
    folder.mkdir()
    texts = [{"id": row.id, "text": row.text, "lang": "ko"} for row in demo_rows("reviews", "ko", 20)]
    (folder / "in.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in texts), "utf8")
    return Command(tmp_path / "home", folder)


@pytest.fixture
def empty_home(tmp_path: Path) -> Command:
    """The command with a data directory that does not exist yet."""
    (tmp_path / "work").mkdir()
    return Command(tmp_path / "none", tmp_path / "work")
