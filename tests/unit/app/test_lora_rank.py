"""The rank of adapters reaches the library from a job's request and from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

import app.finetuning
from app.cli import cli
from app.finetuning import FineTuneRequest
from app.jobs.finetune_options import finetune_options
from app.jobs.schemas import FinetuneRequest
from xite_core.errors import OptionError
from xite_core.options import AugmentOptions

REQUEST = {"source": {"bundle": "base"}, "target": {"texts": ["a"]}}


def request(depth: str, rank: int | None) -> FinetuneRequest:
    return FinetuneRequest.model_validate({**REQUEST, "depth": depth, "hyperparameters": {"lora_rank": rank}})


def test_from_a_job() -> None:
    assert finetune_options(request("top:2", 8), AugmentOptions()).lora_rank == 8
    assert finetune_options(request("head", None), AugmentOptions()).lora_rank is None
    with pytest.raises(OptionError, match=r"lora_rank=8.*head"):
        finetune_options(request("head", 8), AugmentOptions())
    with pytest.raises(ValidationError, match="lora_rank"):
        request("full", 257)


def test_from_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[FineTuneRequest] = []

    def keep(request: FineTuneRequest, console: object) -> None:
        seen.append(request)
        raise LookupError("seen")

    monkeypatch.setattr(app.finetuning, "finetune_bundle", keep)
    monkeypatch.setenv("XITE_HOME", str(tmp_path))
    with pytest.raises(LookupError, match="seen"):
        cli(["finetune", "texts.jsonl", "--depth", "full", "--lora-rank", "4"], standalone_mode=False)
    assert seen[0].options == {"depth": "full", "lora_rank": 4}
