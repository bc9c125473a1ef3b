"""The target languages' own head at depth ``head``: trained on centred vectors, while English keeps its head (ours)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xite_core.finetune.centring import Place, by_language
from xite_core.finetune.prepare import Prepared
from xite_core.finetune.student import HeadStudent
from xite_core.finetune.training import Plan
from xite_core.types import SubspaceKind


def centred_student(prepared: Prepared, plan: Plan) -> tuple[HeadStudent, Plan, Place]:
    """A student on centred vectors that begins as the English head on such vectors.

    Without its language's mean a vector holds little of its language, so that centring takes the subspace's place.

    Parameters
    ----------
    prepared : Prepared
        English heads, vectors and languages.
    plan : Plan
        Of a run whose result keeps the English head for English texts.

    Returns
    -------
    student, plan, place
        What is trained, how, and the place that its head leaves from.
    """
    snapshot = prepared.snapshot
    anchors, target = np.asarray(snapshot.anchors), np.asarray(snapshot.target)
    english, ends = Place.of(anchors), by_language(target, prepared.languages)
    held_out = english.centred(np.asarray(snapshot.validation))
    student = HeadStudent(prepared.centred, english.centred(anchors), ends, (held_out, ends))
    augment = replace(plan.augment, subspace=SubspaceKind.NONE)
    changed = replace(plan, augment=augment, spares_english=True, strength=prepared.strength)
    return student, changed, Place.of(target)
