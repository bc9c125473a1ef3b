"""The variant whose options `xite tune` chooses, so that the evaluation shows how good its choice is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xite_core.evaluation.bench import Bench
from xite_core.evaluation.tuning import Tuner
from xite_core.evaluation.variants import TUNED, Variant
from xite_core.options import AugmentOptions
from xite_core.storage import atomic_file

Told = Callable[[str, int, int], None]


def tuned(bench: Bench, directory: Path, augment: AugmentOptions, told: Told) -> Variant:
    """Choose without target labels; what was chosen is kept for an evaluation that goes on.

    Parameters
    ----------
    bench : Bench
        Bundle, encoder and unlabeled texts.
    directory : Path
        Where the choice is kept.
    augment : AugmentOptions
        The defaults: only what differs from them is named in the variant.
    told : callable
        Told of progress.
    """
    path = directory / "tuned.json"
    if not path.is_file():
        chosen = Tuner(bench.finetune, directory / "tuning", told).run()
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps({"replay": chosen.replay, "options": chosen.options.as_dict()}), "utf8")
    found: dict[str, Any] = json.loads(path.read_text("utf8"))
    default = augment.as_dict()
    changed = {name: value for name, value in found["options"].items() if name != "seed" and default[name] != value}
    replay = {"replay": found["replay"]}
    return Variant(TUNED, finetune=replay, augment=changed, note="options chosen by tuning, without target labels")
