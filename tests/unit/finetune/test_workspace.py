"""What a run finds of an earlier one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from xite_core.finetune import workspace
from xite_core.finetune.workspace import Saved, Workspace

SAVED = Saved({"start/weight": torch.ones(2)}, {"strength": 1.0})


def test_the_same_run_finds_what_it_kept_and_another_one_does_not(tmp_path: Path) -> None:
    Workspace(tmp_path, "one").save_prepared(SAVED)
    found = Workspace(tmp_path, "one").prepared()
    assert found is not None
    assert found.facts == SAVED.facts
    assert Workspace(tmp_path, "two").prepared() is None


def test_files_of_another_version_of_the_code_are_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Workspace(tmp_path, "one").save_prepared(SAVED)
    monkeypatch.setattr(workspace, "LAYOUT", workspace.LAYOUT + 1)
    assert Workspace(tmp_path, "one").prepared() is None
