"""The command line's local form: files in, a published revision and a display out."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from app.finetuning import FineTuneRequest, finetune_bundle
from tests.support.finetuning import make_bundle, reviews
from xite_core.bundle.derive import bundle_encoder
from xite_core.bundle.store import BundleStore
from xite_core.errors import InputError, OptionError
from xite_core.finetune.predictor import Predictor
from xite_core.types import Example


def write(path: Path, rows: Sequence[Example]) -> Path:
    lines = [json.dumps({"text": row.text, "label": row.label}, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines), "utf8")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "home")
    return tmp_path / "home"


def test_fine_tunes_shows_and_activates(home: Path, tmp_path: Path) -> None:
    target = write(tmp_path / "target.jsonl", reviews(40, "xx"))
    test = write(tmp_path / "test.jsonl", reviews(40, "xx", 3))
    request = FineTuneRequest(
        home=home,
        targets=[f"xx={target}"],
        target_test=[f"xx={test}"],
        options={"epochs": 1, "batch_size": 16, "lr": None, "max_english_drop": 0.5},
        augment={"k": 4, "lam": None},
        activate=True,
    )
    shown = io.StringIO()
    result = finetune_bundle(request, Console(file=shown, width=120))
    assert BundleStore(home).resolve("base").name == result.bundle.revision
    assert result.report["options"]["augment"]["k"] == 4
    assert result.report["rows"]["target"] == {"xx": 40}
    assert all(text in shown.getvalue() for text in ("epoch 1: loss", "gate on English accuracy: passed", "target"))
    work = home / "finetune" / "base-head"
    assert sorted(path.name for path in work.iterdir()) == ["artifacts"]
    labels, _ = Predictor(result.bundle, bundle_encoder(result.bundle)).predict(reviews(4, "xx"))
    assert len(labels) == 4


def test_the_users_mistakes_are_named(home: Path, tmp_path: Path) -> None:
    target = write(tmp_path / "target.jsonl", reviews(40, "xx"))
    console = Console(file=io.StringIO())
    with pytest.raises(OptionError, match="epochs"):
        finetune_bundle(FineTuneRequest(home, [str(target)], options={"epochs": -1}), console)
    with pytest.raises(OptionError, match="lam"):
        finetune_bundle(FineTuneRequest(home, [str(target)], augment={"lam": 3.0}), console)
    with pytest.raises(InputError, match="no such file"):
        finetune_bundle(FineTuneRequest(home, ["ko=/nowhere.jsonl"]), console)
    with pytest.raises(OptionError, match="bundle"):
        finetune_bundle(FineTuneRequest(home, [str(target)], name="a/b"), console)
    assert BundleStore(home).revisions("base") == ["r1"]
