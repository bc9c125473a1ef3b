"""Hyper-parameters of fine-tuning: one frozen record, validated when made."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from xite_core.errors import OptionError
from xite_core.finetune.adoption import Adoption, AdoptionOptions
from xite_core.options import AugmentOptions

HEAD = "head"
FULL = "full"
DEPTHS = "'head', 'top:n' with n from 1, or 'full'"

DEFAULT_RATES = {HEAD: 1e-2, "top": 5e-5, FULL: 2e-5}
"""Learning rate by depth, where none is given (ours)."""

LORA_RATE = 10
"""How many times higher it is where only adapters are trained (ours)."""

_TOP = re.compile(r"top:([1-9][0-9]{0,2})")

# name: (whole number, lowest, highest)
_RANGES: dict[str, tuple[bool, float, float]] = {
    "epochs": (True, 1, 1000),
    "batch_size": (True, 1, 4096),
    "lr": (False, 1e-8, 10.0),
    "lora_rank": (True, 1, 256),
    "replay": (False, 0.0, 1.0),
    "fraction": (False, 1e-3, 1.0),
    "rounds": (True, 1, 100),
    "lexicon": (False, 0.0, 10.0),
    "prior": (False, 0.0, 1.0),
    "warmup": (False, 0.0, 1.0),
    "clip_norm": (False, 1e-3, 1e6),
    "weight_decay": (False, 0.0, 10.0),
    "patience": (True, 0, 1000),
    "english_epochs": (True, 0, 1000),
    "max_english_drop": (False, 0.0, 1.0),
    "seed": (True, 0, 2**63 - 1),
}
_OPTIONAL = frozenset({"lr", "lora_rank", "english_epochs"})
_CHOICES = {
    "adoption": tuple(map(str, Adoption)),
    "encoder_dtype": ("float32", "float16"),
    "device": ("auto", "cpu", "cuda"),
}


@dataclass(frozen=True, slots=True)
class FineTuneOptions:
    """How a model is fine-tuned. The values are ours; the paper's abstract fixes none of them.

    Parameters
    ----------
    depth : str
        ``head`` (a linear head on stored vectors), ``top:n`` (head and the upper n layers) or ``full``.
    epochs : int
        Passes over the selected synthetic examples, at most; English-only ones come on top.
    batch_size : int
        Examples of each step, English ones included.
    lr : float, optional
        Peak learning rate; `DEFAULT_RATES` where not given, `LORA_RATE` times that with ``lora_rank``.
    lora_rank : int, optional
        At ``top:n`` and ``full``: train adapters of this rank beside the linear maps of those layers, in place of
        their weights (see `xite_core.finetune.lora`); they are merged into the weights at the end.
    replay : float
        Fraction of each batch that is plain English examples, against forgetting.
    augment : AugmentOptions, optional
        Matching and interpolation; the bundle's own where not given.
    adoption : str
        Whose label a target text adopts: ``vote`` (of its neighbours), ``head`` (fine-tuned on English alone), or
        ``views`` (that head on centred vectors, and a lexicon of the target language learned from the labels).
    rounds : int
        With ``views``: how often the lexicon is fitted and the labels are made anew.
    lexicon : float
        With ``views``: weight of the lexicon beside the head, in the adoption and in the result; 0 leaves it out.
    prior : float
        With ``views``: how far the expected shares of the classes are drawn towards equal ones.
    normalize : bool
        Scale interpolated vectors to unit length, since the head sees unit vectors later.
    balance : bool
        Select and draw the same number of synthetic examples from each adopted label.
    fraction : float
        Share of the matched texts that is used, the most confident ones.
    warmup : float
        Share of the steps in which the learning rate rises from 0; after it, it falls linearly to 0.
    clip_norm : float
        Greatest norm of the gradient.
    weight_decay : float
        Decoupled weight decay of matrices (AdamW; Loshchilov and Hutter 2019).
    patience : int
        Epochs without improvement before training stops; 0 never stops early.
    english_epochs : int, optional
        Epochs on English alone before the first matching with the tuned encoder; by default 1 where joint pairs are
        tuned at ``top:n`` or ``full`` (before it such pairs meet by topic, not by relation), else 0.
    max_english_drop : float
        The gate: how much accuracy on held-out English may be lost.
    encoder_dtype : str
        How a tuned encoder is stored: ``float32`` or ``float16``.
    device : str
        ``cpu``, ``cuda``, or ``auto``: a GPU if there is one, for ``top:n`` and ``full``.
    seed : int
        Of every random choice.

    Raises
    ------
    OptionError
        If a value is out of range; the message names the option.
    """

    depth: str = HEAD
    epochs: int = 3
    batch_size: int = 64
    lr: float | None = None
    lora_rank: int | None = None
    replay: float = 0.5
    augment: AugmentOptions | None = None
    adoption: str = "views"
    rounds: int = 3
    lexicon: float = 1.5
    prior: float = 0.5
    normalize: bool = True
    balance: bool = True
    fraction: float = 1.0
    warmup: float = 0.1
    clip_norm: float = 1.0
    weight_decay: float = 0.01
    patience: int = 2
    english_epochs: int | None = None
    max_english_drop: float = 0.01
    encoder_dtype: str = "float32"
    device: str = "auto"
    seed: int = 7

    def __post_init__(self) -> None:
        if not isinstance(self.depth, str) or (self.depth not in (HEAD, FULL) and not _TOP.fullmatch(self.depth)):
            raise OptionError("depth", self.depth, DEPTHS)
        for name, (whole, low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None or name not in _OPTIONAL:
                object.__setattr__(self, name, _checked(name, value, whole, low, high))
        if self.lora_rank is not None and not self.moves_encoder:
            raise OptionError("lora_rank", self.lora_rank, "null at depth 'head', which trains no encoder layer")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise OptionError(name, getattr(self, name), "one of " + ", ".join(choices))
        for name in ("normalize", "balance"):
            if not isinstance(getattr(self, name), bool):
                raise OptionError(name, getattr(self, name), "true or false")
        if self.augment is not None and not isinstance(self.augment, AugmentOptions):
            raise OptionError("augment", self.augment, "AugmentOptions, or null")

    @property
    def moves_encoder(self) -> bool:
        """Whether the depth changes the encoder."""
        return self.depth != HEAD

    @property
    def top_layers(self) -> int | None:
        """The n of ``top:n``; ``None`` at the other depths."""
        found = _TOP.fullmatch(self.depth)
        return int(found[1]) if found else None

    @property
    def adopting(self) -> AdoptionOptions | None:
        """How labels are adopted; ``None`` where the vote decides, or where only English is trained on."""
        if self.adoption == Adoption.VOTE or self.english_per_batch == self.batch_size:
            return None
        return AdoptionOptions(Adoption(self.adoption), self.rounds, self.lexicon, self.prior)

    @property
    def rate(self) -> float:
        """The peak learning rate that is used."""
        if self.lr is not None:
            return self.lr
        rate = DEFAULT_RATES[self.depth.partition(":")[0]]
        return rate if self.lora_rank is None else rate * LORA_RATE

    @property
    def english_per_batch(self) -> int:
        """Plain English examples of each batch, ``round(replay * batch_size)``."""
        return round(self.replay * self.batch_size)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make options from JSON values; absent or null ones take their defaults.

        Raises
        ------
        OptionError
            If an option is unknown or a value is out of range.
        """
        known = [field.name for field in fields(cls)]
        for name, value in values.items():
            if name not in known:
                raise OptionError(name, value, "one of the options " + ", ".join(known))
        given = {name: value for name, value in values.items() if value is not None}
        if isinstance(given.get("augment"), Mapping):
            given["augment"] = AugmentOptions().replaced(given["augment"])
        return cls(**given)

    def as_dict(self) -> dict[str, Any]:
        """Give the options as JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "augment": self.augment.as_dict() if self.augment else None}


def _checked(name: str, value: object, whole: bool, low: float, high: float) -> float | int:
    kind = "whole number" if whole else "number"
    right = isinstance(value, int) if whole else isinstance(value, int | float)
    if isinstance(value, bool) or not right or not isinstance(value, int | float):
        raise OptionError(name, value, f"a {kind} from {low:g} to {high:g}")
    if not math.isfinite(value) or not low <= value <= high:
        raise OptionError(name, value, f"a {kind} from {low:g} to {high:g}")
    return value if whole else float(value)
