"""A run stopped anywhere and run again ends in the same weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.finetuning import reviews, small, tune
from xite_core.bundle.bundle import Bundle
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.finetune.events import FineTuneEvent, Stage
from xite_core.finetune.options import FineTuneOptions
from xite_core.options import AugmentOptions


class CrashError(Exception):
    """Stands for a crash."""


class Crash:
    """Raises at every n-th event."""

    def __init__(self, every: int) -> None:
        self.every, self.seen = every, 0

    def __call__(self, event: FineTuneEvent) -> None:
        self.seen += 1
        if self.seen % self.every == 0:
            raise CrashError


OPTIONS = small(augment=AugmentOptions(alpha=0.5, n=2), epochs=2, batch_size=32)


def until_done(bundle: Bundle, work: Path, home: Path, every: int, seconds: float) -> tuple[str, int]:
    crashes = 0
    while True:
        try:
            crash = Crash(every)
            result = tune(bundle, work, home, OPTIONS, progress=crash, checkpoint_seconds=seconds)
            return str(result.report["weights_sha256"]), crashes
        except CrashError:
            crashes += 1


@pytest.mark.parametrize(("every", "seconds"), [(7, 0.0), (9, 0.0), (12, 1e9)])
def test_head_crashed_again_and_again(every: int, seconds: float, bundle: Bundle, tmp_path: Path, home: Path) -> None:
    undisturbed = tune(bundle, tmp_path / "calm", home, OPTIONS, revision="calm").report["weights_sha256"]
    found, crashes = until_done(bundle, tmp_path / "work", home, every, seconds)
    assert crashes > 1
    assert found == undisturbed


@pytest.mark.parametrize(
    ("stage", "nth"), [(Stage.TRAIN, 2), (Stage.REFRESH, 1), (Stage.EVALUATE, 1), (Stage.PUBLISH, 2)]
)
def test_encoder_crashed_in_a_stage(
    stage: Stage, nth: int, tiny: TransformersEncoder, tiny_bundle: Bundle, tmp_path: Path, home: Path
) -> None:
    options = small(depth="top:1", lr=1e-3, batch_size=32)
    arguments = {"encoder": tiny, "target": reviews(40, "xx", labeled=False)}
    calm = tune(tiny_bundle, tmp_path / "calm", home, options, revision="calm", **arguments)
    seen = 0

    def crash(event: FineTuneEvent) -> None:
        nonlocal seen
        seen += event.stage is stage
        if seen == nth:
            raise CrashError

    with pytest.raises(CrashError):
        tune(tiny_bundle, tmp_path / "work", home, options, progress=crash, checkpoint_seconds=0, **arguments)
    again = tune(tiny_bundle, tmp_path / "work", home, options, **arguments)
    assert again.report["weights_sha256"] == calm.report["weights_sha256"]
    assert again.report["curve"] == calm.report["curve"]
    assert again.report["metrics"] == calm.report["metrics"]


def test_other_options_start_anew(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    with pytest.raises(CrashError):
        tune(bundle, tmp_path / "work", home, OPTIONS, progress=Crash(9), checkpoint_seconds=0)
    changed = FineTuneOptions(**{**OPTIONS.as_dict(), "seed": 3, "augment": OPTIONS.augment})
    found = tune(bundle, tmp_path / "work", home, changed).report["weights_sha256"]
    assert found == tune(bundle, tmp_path / "calm", home, changed, revision="calm").report["weights_sha256"]


def test_a_damaged_checkpoint_is_not_used(bundle: Bundle, tmp_path: Path, home: Path) -> None:
    with pytest.raises(CrashError):
        tune(bundle, tmp_path / "work", home, OPTIONS, progress=Crash(9), checkpoint_seconds=0)
    path = tmp_path / "work" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    found = tune(bundle, tmp_path / "work", home, OPTIONS).report["weights_sha256"]
    assert found == tune(bundle, tmp_path / "calm", home, OPTIONS, revision="calm").report["weights_sha256"]
