"""What a run tells while it goes on, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from xite_core.encoder.protocol import Encoder
from xite_core.errors import XiteError
from xite_core.memory import kept_small
from xite_core.types import Example, FloatArray

CHUNK = 256
"""Texts between two looks at the cancel check."""


class FineTuneCancelled(XiteError):  # noqa: N818 - not a fault: the caller asked for it
    """The caller's check said stop; the last checkpoint is kept."""


class Stage(StrEnum):
    """Where a run stands, in this order; `TRAIN` and `REFRESH` take turns."""

    ENCODE = "encode"
    BASELINE = "baseline"
    TRAIN = "train"
    REFRESH = "refresh"
    EVALUATE = "evaluate"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True)
class FineTuneEvent:
    """One piece of news.

    Parameters
    ----------
    stage : Stage
        What is being done.
    step, of : int
        How far the stage is; in `TRAIN` over all epochs.
    epoch : int, optional
        From 1, in `TRAIN` and at the end of an epoch.
    loss : float, optional
        Of the step just done.
    metrics : mapping of str to float, optional
        What an epoch reached.
    """

    stage: Stage
    step: int
    of: int
    epoch: int | None = None
    loss: float | None = None
    metrics: Mapping[str, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give the fields as JSON values."""
        return {**asdict(self), "stage": str(self.stage)}


Progress = Callable[[FineTuneEvent], None]
CancelCheck = Callable[[], bool]


class Monitor:
    """Passes events on and looks at the cancel check before each.

    Parameters
    ----------
    progress : callable, optional
        Called with every event.
    cancelled : callable, optional
        Whether to stop; asked at every step.
    """

    def __init__(self, progress: Progress | None = None, cancelled: CancelCheck | None = None) -> None:
        self._progress: Progress = progress or (lambda event: None)
        self._cancelled: CancelCheck = cancelled or (lambda: False)

    def tell(self, event: FineTuneEvent) -> None:
        """Pass an event on.

        Raises
        ------
        FineTuneCancelled
            If the check says so.
        """
        self.poll()
        self._progress(event)

    def poll(self) -> None:
        """Raise `FineTuneCancelled` if the check says so."""
        if self._cancelled():
            raise FineTuneCancelled("fine-tuning was cancelled; run it again with the same work directory to go on")

    def encode(self, encoder: Encoder, examples: Sequence[Example], stage: Stage) -> FloatArray:
        """Encode in chunks with an event after each, float32 (n, d)."""
        parts = []
        with kept_small():
            for start in range(0, len(examples), CHUNK):
                parts.append(encoder.encode(examples[start : start + CHUNK]).vectors)
                self.tell(FineTuneEvent(stage, min(start + CHUNK, len(examples)), len(examples)))
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)
