"""What is compared: a variant is a depth, fine-tuning options and matching options (METHOD step 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xite_core.finetune.options import HEAD, FineTuneOptions
from xite_core.options import AugmentOptions

ZERO_SHOT = "zero_shot"
ZERO_SHOT_CENTRED = "zero_shot_centred"
CONTROL = "control"
BASELINES = (ZERO_SHOT, ZERO_SHOT_CENTRED)
"""The better of these, at the same depth, is what a variant has to beat."""

DEFAULT = "xite_views"
TUNED = "xite_tuned"
LAMS = (0.1, 0.3, 0.5, 0.7, 0.9)

_PLAIN = {"adoption": "vote"}
_NONE = {"subspace": "none"}


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the comparison.

    Parameters
    ----------
    name, depth : str
        Its name, and how deep it trains.
    finetune, augment : mapping
        `FineTuneOptions` and `AugmentOptions` that differ from the defaults.
    main : bool
        Whether it is run with every seed, not only with the first.
    note : str
        What it is, for the report.
    """

    name: str
    depth: str = HEAD
    finetune: Mapping[str, Any] = field(default_factory=dict, hash=False)
    augment: Mapping[str, Any] = field(default_factory=dict, hash=False)
    main: bool = False
    note: str = ""

    @property
    def key(self) -> str:
        """Its name and depth, as a file name."""
        return f"{self.name}@{self.depth.replace(':', '')}"

    def options(self, augment: AugmentOptions, seed: int) -> FineTuneOptions:
        """All options of one run."""
        merged = augment.replaced({**self.augment, "seed": seed})
        return FineTuneOptions(depth=self.depth, seed=seed, augment=merged, **self.finetune)


def baselines(depth: str) -> list[Variant]:
    """Both zero-shot models of a depth; at ``head`` they are fitted, deeper they train on English as long as others."""
    english = {"replay": 1.0}
    return [
        Variant(ZERO_SHOT, depth, english, main=True, note="English alone"),
        Variant(ZERO_SHOT_CENTRED, depth, english, main=True, note="English alone, vectors centred by language"),
    ]


def variants(depths: tuple[str, ...], *, quick: bool = False) -> list[Variant]:
    """All comparisons, baselines first; at depths that move the encoder only the main ones.

    Parameters
    ----------
    depths : tuple of str
        As in `FineTuneOptions`.
    quick : bool
        Only the main comparisons at every depth.
    """
    chosen = []
    for depth in depths:
        full = depth == HEAD and not quick
        chosen += [*baselines(depth), *_main(depth), *(_rest() if full else [])]
    return chosen


def _main(depth: str) -> list[Variant]:
    return [
        Variant("xite", depth, _PLAIN, _NONE, True, "label of the neighbours' vote, no subspace"),
        Variant("xite_rich", depth, _PLAIN, {"subspace": "rich"}, True, "the same, language-rich target end"),
        Variant(DEFAULT, depth, {}, {}, True, "label by two views of each text, lexicon in the result"),
    ]


def _rest() -> list[Variant]:
    vote = [
        Variant("transfer", HEAD, _PLAIN, {"lam": 0.0, **_NONE}, note="label of the vote, no interpolation"),
        Variant("self_training", HEAD, {"adoption": "head"}, {"lam": 0.0, **_NONE}, note="label of the English head"),
        Variant(CONTROL, HEAD, _PLAIN, _NONE, note="the target language's mean in place of the target vector"),
        *(
            Variant(f"xite_{kind}", HEAD, _PLAIN, {"subspace": kind}, note=f"{kind} target end")
            for kind in ("orthogonal", "neutral", "label")
        ),
        *(Variant(f"xite_lam_{lam}", HEAD, _PLAIN, {**_NONE, "lam": lam}, note=f"lam {lam}") for lam in LAMS),
        *(
            Variant(f"xite_{kind}", HEAD, _PLAIN, {**_NONE, "scoring": kind}, note=f"matched by {kind}")
            for kind in ("cosine", "margin")
        ),
        Variant("xite_nearest", HEAD, _PLAIN, {**_NONE, "voting": "nearest", "k": 1}, note="nearest neighbour's label"),
        Variant("xite_confident", HEAD, {**_PLAIN, "fraction": 0.5}, {**_NONE, "k": 25}, note="surer half of 25 votes"),
    ]
    views = [
        Variant("views_head_only", HEAD, {"lexicon": 0.0}, note="two views, but no lexicon: the balanced head's label"),
        Variant("views_transfer", HEAD, {}, {"lam": 0.0, **_NONE}, note="two views, no interpolation"),
        Variant("views_one_round", HEAD, {"rounds": 1}, note="two views, one round"),
        *(Variant(f"views_lam_{lam}", HEAD, {}, {"lam": lam}, note=f"two views, lam {lam}") for lam in LAMS),
    ]
    return vote + views
