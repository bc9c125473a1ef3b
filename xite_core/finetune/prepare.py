"""What precedes training: target vectors, the English head, its figures; kept on disk for a resumption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xite_core.augmenter import Augmenter
from xite_core.finetune.corpus import Corpus, FineTuneInputs, Snapshot, stored_snapshot
from xite_core.finetune.events import FineTuneEvent, Monitor, Stage
from xite_core.finetune.head import Head, fit_head
from xite_core.finetune.workspace import Saved, Workspace, tensors_of
from xite_core.types import FloatArray

_ARRAYS = ("target", "source", "test", "weight", "bias")


@dataclass(frozen=True, slots=True)
class Prepared:
    """The start of a run.

    Parameters
    ----------
    snapshot : Snapshot
        Vectors under the encoder as it was.
    test : ndarray of float32, (t, d)
        Vectors of the target test rows.
    head : Head
        Fine-tuned on English alone: the zero-shot baseline.
    strength : float
        Its inverse regulariser.
    languages : list of str, (m,)
        Language of each target text.
    """

    snapshot: Snapshot
    test: FloatArray
    head: Head
    strength: float
    languages: list[str]


def prepare(inputs: FineTuneInputs, corpus: Corpus, workspace: Workspace, monitor: Monitor) -> Prepared:
    """Encode what has no vectors yet and fit the English head, or read both from the workspace."""
    saved = workspace.prepared()
    if saved is None:
        saved = _make(inputs, corpus, monitor)
        workspace.save_prepared(saved)
    target, source, test, weight, bias = (saved.tensors[f"start/{name}"].numpy() for name in _ARRAYS)
    snapshot = stored_snapshot(inputs.bundle, corpus, target, source)
    return Prepared(snapshot, test, Head(weight, bias), saved.facts["strength"], saved.facts["languages"])


def _make(inputs: FineTuneInputs, corpus: Corpus, monitor: Monitor) -> Saved:
    target, source, test = (
        monitor.encode(inputs.encoder, rows, Stage.ENCODE) for rows in (corpus.target, corpus.source, corpus.test)
    )
    languages = Augmenter(inputs.bundle, inputs.encoder).languages(corpus.target, target)
    snapshot = stored_snapshot(inputs.bundle, corpus, target, source)
    monitor.tell(FineTuneEvent(Stage.BASELINE, 0, 1))
    held_out = (np.asarray(snapshot.validation), corpus.validation_codes)
    head, strength = fit_head(snapshot.anchors, corpus.anchor_codes, held_out, len(corpus.labels), monitor.poll)
    monitor.tell(FineTuneEvent(Stage.BASELINE, 1, 1))
    arrays: Sequence[Any] = (target, source, test, head.weight, head.bias)
    return Saved(
        tensors_of("start", dict(zip(_ARRAYS, arrays, strict=True))), {"strength": strength, "languages": languages}
    )
