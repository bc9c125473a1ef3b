"""The options of matching and interpolation: one frozen record, validated when made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Self

from xite_core.errors import OptionError
from xite_core.types import Scoring, SubspaceKind, Voting

MAX_K = 256
MAX_DRAWS = 64


def _one_of(name: str, value: object, kinds: type[StrEnum]) -> Any:
    try:
        return kinds(str(value))
    except ValueError:
        raise OptionError(name, value, "one of " + ", ".join(kinds)) from None


def _number(name: str, value: object, low: float, high: float, expected: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise OptionError(name, value, expected)
    if not low <= value <= high:
        raise OptionError(name, value, expected)
    return float(value)


def _whole(name: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OptionError(name, value, f"a whole number from {low} to {high}")
    return value


@dataclass(frozen=True, slots=True)
class AugmentOptions:
    """How target texts are matched and interpolated.

    Parameters
    ----------
    k : int
        Neighbours that are retrieved and vote.
    scoring : Scoring
        Cosine, ratio margin (Artetxe and Schwenk 2019) or CSLS (Conneau et al. 2018).
    voting : Voting
        Whether the nearest neighbour or the weighted vote decides the label.
    tau : float
        Temperature of the vote, in units of the score.
    min_cosine, min_score, min_confidence : float, optional
        Below any of these a text is abstained.
    subspace : SubspaceKind
        Projection of the target vector before interpolation.
    lam : float
        Interpolation coefficient; 1 is the English end.
    alpha : float, optional
        Where given, ``lam`` is drawn from Beta(alpha, alpha) instead.
    n : int
        Synthetic embeddings of each text.
    normalize : bool
        Whether synthetic embeddings are scaled to unit length.
    seed : int
        Seed of the draws.

    Raises
    ------
    OptionError
        If a value is out of range; the message names the option.
    """

    k: int = 8
    scoring: Scoring = Scoring.CSLS
    voting: Voting = Voting.WEIGHTED
    tau: float = 0.05
    min_cosine: float | None = None
    min_score: float | None = None
    min_confidence: float | None = None
    subspace: SubspaceKind = SubspaceKind.RICH
    lam: float = 0.1
    alpha: float | None = None
    n: int = 1
    normalize: bool = False
    seed: int = 7

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "k", _whole("k", self.k, 1, MAX_K))
        put(self, "n", _whole("n", self.n, 1, MAX_DRAWS))
        put(self, "seed", _whole("seed", self.seed, 0, 2**63 - 1))
        put(self, "scoring", _one_of("scoring", self.scoring, Scoring))
        put(self, "voting", _one_of("voting", self.voting, Voting))
        put(self, "subspace", _one_of("subspace", self.subspace, SubspaceKind))
        put(self, "lam", _number("lam", self.lam, 0.0, 1.0, "a number from 0 to 1 (1 is the English end)"))
        put(self, "tau", _number("tau", self.tau, 1e-4, 1e4, "a number from 0.0001 to 10000"))
        if self.alpha is not None:
            put(self, "alpha", _number("alpha", self.alpha, 1e-3, 1e3, "a number from 0.001 to 1000, or null"))
        for name, low, high in (("min_cosine", -1.0, 1.0), ("min_score", -1e6, 1e6), ("min_confidence", 0.0, 1.0)):
            value = getattr(self, name)
            if value is not None:
                put(self, name, _number(name, value, low, high, f"a number from {low:g} to {high:g}, or null"))
        if not isinstance(self.normalize, bool):
            raise OptionError("normalize", self.normalize, "true or false")

    def replaced(self, changes: Mapping[str, Any]) -> Self:
        """A copy with some options changed; ``None`` keeps the present value, but a given ``lam`` alone is not drawn.

        Raises
        ------
        OptionError
            If an option is unknown or a value is out of range.
        """
        known = {field.name for field in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise OptionError(name, value, "one of the options " + ", ".join(sorted(known)))
        given = {name: value for name, value in changes.items() if value is not None}
        if "lam" in given:
            given.setdefault("alpha", None)
        return type(self)(**{**asdict(self), **given})

    def as_dict(self) -> dict[str, Any]:
        """The options as JSON values."""
        return {name: str(value) if isinstance(value, StrEnum) else value for name, value in asdict(self).items()}
