"""What precedes training: target vectors, the English head, its figures; kept on disk for a resumption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xite_core.augmenter import Augmenter
from xite_core.finetune.centring import Place
from xite_core.finetune.corpus import Corpus, FineTuneInputs, Snapshot, stored_snapshot
from xite_core.finetune.events import FineTuneEvent, Monitor, Stage
from xite_core.finetune.head import Head, fit_head, fit_logistic
from xite_core.finetune.workspace import Saved, Workspace, tensors_of
from xite_core.languages import UNDETERMINED
from xite_core.types import FloatArray

_ARRAYS = ("target", "source", "test", "weight", "bias", "centred_weight", "centred_bias")


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
    centred : Head
        The same on English vectors without their mean, see `Place`.
    strength : float
        Its inverse regulariser.
    languages : list of str, (m,)
        Language of each target text, as `settled` leaves it.
    """

    snapshot: Snapshot
    test: FloatArray
    head: Head
    centred: Head
    strength: float
    languages: list[str]


def prepare(inputs: FineTuneInputs, corpus: Corpus, workspace: Workspace, monitor: Monitor) -> Prepared:
    """Encode what has no vectors yet and fit the English head, or read both from the workspace."""
    saved = workspace.prepared()
    if saved is None:
        saved = _make(inputs, corpus, monitor)
        workspace.save_prepared(saved)
    start = {name: saved.tensors[f"start/{name}"].numpy() for name in _ARRAYS}
    snapshot = stored_snapshot(inputs.bundle, corpus, start["target"], start["source"])
    head, centred = (Head(start[f"{kind}weight"], start[f"{kind}bias"]) for kind in ("", "centred_"))
    return Prepared(snapshot, start["test"], head, centred, saved.facts["strength"], saved.facts["languages"])


def settled(languages: Sequence[str]) -> list[str]:
    """Texts whose language cannot be told, of figures or emoji alone, count as of the most frequent language."""
    known = Counter(language for language in languages if language != UNDETERMINED)
    frequent = known.most_common(1)[0][0] if known else UNDETERMINED
    return [frequent if language == UNDETERMINED else language for language in languages]


def _make(inputs: FineTuneInputs, corpus: Corpus, monitor: Monitor) -> Saved:
    target, source, test = (
        monitor.encode(inputs.encoder, rows, Stage.ENCODE) for rows in (corpus.target, corpus.source, corpus.test)
    )
    told = Augmenter(inputs.bundle, inputs.encoder).languages(corpus.target, target)
    languages = settled(inputs.bundle.pool.known_as(told))
    snapshot = stored_snapshot(inputs.bundle, corpus, target, source)
    monitor.tell(FineTuneEvent(Stage.BASELINE, 0, 1))
    anchors, codes, classes = np.asarray(snapshot.anchors), corpus.anchor_codes, len(corpus.labels)
    held_out = (np.asarray(snapshot.validation), corpus.validation_codes)
    head, strength = fit_head(anchors, codes, held_out, classes, monitor.poll)
    place = Place.of(anchors)
    centred = fit_logistic(place.centred(anchors), codes, classes, strength, place.enter(head), monitor.poll)
    monitor.tell(FineTuneEvent(Stage.BASELINE, 1, 1))
    arrays: Sequence[Any] = (target, source, test, head.weight, head.bias, centred.weight, centred.bias)
    return Saved(
        tensors_of("start", dict(zip(_ARRAYS, arrays, strict=True))), {"strength": strength, "languages": languages}
    )
