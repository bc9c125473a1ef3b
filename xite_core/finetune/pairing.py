"""Which target text meets which anchor under which label, and which of them a batch holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from xite_core.errors import InputError
from xite_core.finetune.adoption import Adopted
from xite_core.finetune.centring import FEW
from xite_core.finetune.corpus import Snapshot
from xite_core.finetune.options import FineTuneOptions
from xite_core.matching import Matcher, MatchTable, occurrence_skewness, with_thresholds
from xite_core.options import AugmentOptions
from xite_core.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Pairing:
    """Matches of the m target texts under one state of the encoder.

    Parameters
    ----------
    partner, label : ndarray of int64, (m,)
        Anchor at the other end of the interpolation, and the adopted label's code.
    confidence : ndarray of float32, (m,)
        The adopted label's share of the vote, or of the distribution that it was adopted from.
    matched : ndarray of bool, (m,)
        Which texts were not abstained.
    selected : ndarray of int64, (s,)
        Texts that are trained on.
    summary : dict
        Coverage, label counts, abstentions and hubness, for the report.
    """

    partner: IntArray
    label: IntArray
    confidence: FloatArray
    matched: BoolArray
    selected: IntArray
    summary: dict[str, Any]


def pair(
    snapshot: Snapshot,
    languages: Sequence[str],
    labels: Sequence[str],
    augment: AugmentOptions,
    options: FineTuneOptions,
    adopted: Adopted | None = None,
) -> Pairing:
    """Match the target texts and select those to train on.

    Parameters
    ----------
    snapshot : Snapshot
        Vectors.
    languages : sequence of str, (m,)
        Language of each text.
    labels : sequence of str
        Label names.
    augment : AugmentOptions
        How to match.
    options : FineTuneOptions
        What to select.
    adopted : Adopted, optional
        Labels to adopt in place of the vote's; the partner is then the best neighbour with that label.
    """
    matcher = Matcher(snapshot.index, len(labels))
    table = matcher.match(snapshot.target, snapshot.pool.columns(languages), augment)
    if adopted is not None:
        table = with_thresholds(relabeled(table, adopted, snapshot), augment)
    matched = table.matched
    selected = select(table.label, table.confidence, matched, options.fraction, balance=options.balance)
    counts = np.bincount(table.label[matched], minlength=len(labels))
    occurrences = np.bincount(table.rows.ravel(), minlength=snapshot.index.ntotal)
    summary = {
        "texts": len(matched),
        "coverage": float(matched.mean()),
        "label_counts": {name: int(count) for name, count in zip(labels, counts, strict=True)},
        "abstentions": dict(Counter(str(reason) for reason in table.reason if reason)),
        "hubness": occurrence_skewness(occurrences),
        "selected": len(selected),
    }
    return Pairing(table.at_partner(table.rows), table.label, table.confidence, matched, selected, summary)


def relabeled(table: MatchTable, adopted: Adopted, snapshot: Snapshot) -> MatchTable:
    """The matches with other labels; a text none of whose neighbours has its label meets the nearest anchor that does.

    That anchor takes the last neighbour's place, and its score.
    """
    codes = snapshot.index.label_codes
    rows, cosines, label = table.rows.copy(), table.cosines.copy(), adopted.label
    for code in np.unique(label):
        alone = np.flatnonzero((label == code) & (codes[table.rows] != code).all(1))
        anchors = np.flatnonzero(codes == code)
        if len(alone) and len(anchors):
            near = snapshot.target[alone] @ snapshot.anchors[anchors].T
            rows[alone, -1], cosines[alone, -1] = anchors[near.argmax(1)], near.max(1)
    partner = np.asarray((codes[rows] == label[:, None]).argmax(1), np.int64)
    return replace(table, rows=rows, cosines=cosines, label=label, confidence=adopted.confidence, partner=partner)


def check_matched(pairing: Pairing, languages: Sequence[str], labels: Sequence[str]) -> None:
    """Refuse matches that nothing can be learned from.

    Raises
    ------
    InputError
        If no text was matched, none of a language that has `FEW` texts or more, or all adopted the same label.
    """
    names = np.array(languages)
    for language, count in sorted(Counter(languages).items()):
        matched = pairing.matched if count < FEW else pairing.matched[names == language]
        if not matched.any():
            raise InputError(
                f"no match for language {language!r}: all of its {count} texts were "
                f"abstained ({', '.join(pairing.summary['abstentions'])}); loosen the thresholds"
            )
    adopted = np.unique(pairing.label[pairing.selected])
    if len(adopted) < 2:
        raise InputError(
            f"every matched target text adopted the label {labels[adopted[0]]!r}, and nothing can be learned from one "
            "class; give more target texts, or change k, tau or the thresholds"
        )


def select(label: IntArray, confidence: FloatArray, matched: BoolArray, fraction: float, *, balance: bool) -> IntArray:
    """The most confident fraction of the matched texts, in their order (ours).

    With ``balance`` each adopted label may fill the same share of it, so a frequent label loses its least confident
    texts and a rare one keeps all it has.

    Returns
    -------
    ndarray of int64, (s,)
    """
    rows = np.flatnonzero(matched)
    wanted = int(np.ceil(fraction * len(rows)))
    best_first = rows[np.argsort(-confidence[rows], kind="stable")]
    if not balance:
        return np.sort(best_first[:wanted])
    classes = np.unique(label[rows])
    share = -(-wanted // max(len(classes), 1))
    kept = [best_first[label[best_first] == code][:share] for code in classes]
    return np.sort(np.concatenate([np.zeros(0, np.int64), *kept]))


def drawn_evenly(groups: IntArray, count: int, rng: np.random.Generator, *, balance: bool) -> npt.NDArray[np.int64]:
    """Draw positions without replacement until all are used, then again; with ``balance`` in turn from each group.

    Parameters
    ----------
    groups : ndarray of int64, (n,)
        Group of each position.
    count : int
        How many to draw.
    rng : Generator
        Source of chance.
    balance : bool
        Whether any run of as many draws as there are groups, from a multiple of it on, holds each group once.

    Returns
    -------
    ndarray of int64, (count,)
    """
    if not count or not len(groups):
        return np.zeros(0, np.int64)
    if not balance:
        return _cycled(np.arange(len(groups)), count, rng)
    present = np.unique(groups)
    rounds = -(-count // len(present))
    columns = [_cycled(np.flatnonzero(groups == group), rounds, rng) for group in present]
    table = rng.permuted(np.stack(columns, axis=1), axis=1)
    return np.asarray(table.ravel()[:count], np.int64)


def _cycled(positions: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    passes = [rng.permutation(positions) for _ in range(-(-count // len(positions)))]
    return np.asarray(np.concatenate(passes)[:count], np.int64)
