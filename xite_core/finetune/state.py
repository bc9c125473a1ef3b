"""Where training stands: everything that a resumed run needs to go on as if nothing had happened."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xite_core.finetune.objective import Projection
from xite_core.finetune.pairing import Pairing
from xite_core.finetune.schedule import AdamW
from xite_core.finetune.student import Student, load_weights
from xite_core.finetune.workspace import Saved, tensors_of

_PAIRING = ("partner", "label", "confidence", "matched", "selected")
_PROJECTION = ("mean", "centre", "inward", "outward")


@dataclass(slots=True)
class Best:
    """The best epoch so far: whether it keeps English, and its sum of English accuracy and agreement."""

    epoch: int
    keeps_english: bool
    score: float

    def beaten_by(self, other: Best) -> bool:
        """An epoch that keeps English beats one that does not, then the score decides; of equals the earlier."""
        return (other.keeps_english, other.score) > (self.keeps_english, self.score)


@dataclass(slots=True)
class TrainState:
    """Progress of a run.

    Parameters
    ----------
    pairing : Pairing
        Matches of the present epoch.
    projection : Projection
        Its constants.
    epoch : int
        Finished epochs, English-only ones included.
    step : int
        Finished steps of the present epoch.
    losses : list of float
        Loss of every step so far.
    curve : list of dict
        What each epoch reached.
    best : Best, optional
        The best epoch so far.
    stale : int
        Epochs since then.
    stopped : str
        Why training ended; empty while it has not.
    """

    pairing: Pairing
    projection: Projection
    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    best: Best | None = None
    stale: int = 0
    stopped: str = ""


def pack(state: TrainState, student: Student, optimizer: AdamW) -> Saved:
    """The whole state as tensors and facts."""
    tensors = {
        **tensors_of("weights", student.parameters()),
        **tensors_of("adam", optimizer.state()),
        **tensors_of("rng", _rng()),
        **tensors_of("pairing", {name: getattr(state.pairing, name) for name in _PAIRING}),
        **tensors_of("projection", {name: getattr(state.projection, name) for name in _PROJECTION}),
    }
    facts = {
        **{name: getattr(state, name) for name in ("epoch", "step", "losses", "curve", "stale", "stopped")},
        "best": asdict(state.best) if state.best else None,
        "pairing": state.pairing.summary,
        "projection": {"keep": state.projection.keep, "sign": state.projection.sign},
    }
    return Saved(tensors, facts)


def unpack(saved: Saved, student: Student, optimizer: AdamW) -> TrainState:
    """Put weights, moments and generators back, and give the state."""
    load_weights(student, saved.part("weights"))
    optimizer.restore(saved.part("adam"))
    _set_rng(saved.part("rng"))
    facts = dict(saved.facts)
    pairing = {name: value.numpy() for name, value in saved.part("pairing").items()}
    constants: dict[str, Any] = {name: value.numpy() for name, value in saved.part("projection").items()}
    best = facts.pop("best")
    return TrainState(
        pairing=Pairing(**pairing, summary=facts.pop("pairing")),
        projection=Projection(**facts.pop("projection"), **constants),
        best=Best(**best) if best else None,
        **facts,
    )


def _rng() -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _set_rng(states: dict[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def agreement(predicted: np.ndarray[Any, Any], pairing: Pairing) -> float:
    """Share of the matched target texts whose prediction is the matched label; 0 where none is matched."""
    hits = (predicted == pairing.label)[pairing.matched]
    return float(hits.mean()) if len(hits) else 0.0
