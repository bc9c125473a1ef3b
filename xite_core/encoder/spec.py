"""Which encoder, and how its vectors are made: one frozen, validated record that a bundle can store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final, Self

from xite_core.errors import OptionError

MAX_TOKENS = 8192
MIN_TOKENS = 8
MAX_LAYERS = 256
#: Stands for "prefix not given"; never seen on a finished spec.
BY_NAME: Final = "\x00"


class Pooling(StrEnum):
    """How the vectors of the tokens become the vector of the text."""

    MEAN = "mean"
    CLS = "cls"


class PairMode(StrEnum):
    """How a text pair is encoded (METHOD step 1).

    ``joint`` puts both texts into one sequence and gives d numbers. ``features`` encodes each side alone and gives the
    normalised ``[u_p, u_h, |u_p - u_h|, u_p * u_h]``, which has 4d.
    """

    JOINT = "joint"
    FEATURES = "features"


def default_prefix(name: str) -> str:
    """Give what the encoder of that name was trained to see before a text."""
    return "query: " if "multilingual-e5" in name.lower() else ""


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """An encoder's name and the choices that decide its vectors.

    Parameters
    ----------
    name : str
        A name in the registry, a local directory or a hub name.
    pooling : Pooling
        Mean over the tokens (special tokens included), or the first token.
    layer : int
        Index into the hidden states: 0 is the embeddings, ``n`` the n-th layer, -1 the last.
    pairs : PairMode
        How text pairs are encoded.
    prefix : str
        Put before every text (before the first text of a joint pair). Where it is not given, names that contain
        ``multilingual-e5`` get ``"query: "``, all others none.
    max_tokens : int
        Longer inputs are cut; special tokens count.

    Raises
    ------
    OptionError
        If a value is out of range; the message names the option.
    """

    name: str
    pooling: Pooling = Pooling.MEAN
    layer: int = -1
    pairs: PairMode = PairMode.JOINT
    prefix: str = BY_NAME
    max_tokens: int = 128

    def __post_init__(self) -> None:
        put = object.__setattr__
        if not isinstance(self.name, str) or not self.name.strip():
            raise OptionError("name", self.name, "a name in the registry, a local directory or a hub name")
        put(self, "pooling", _one_of("pooling", self.pooling, Pooling))
        put(self, "pairs", _one_of("pairs", self.pairs, PairMode))
        _check_whole("layer", self.layer, -MAX_LAYERS, MAX_LAYERS)
        _check_whole("max_tokens", self.max_tokens, MIN_TOKENS, MAX_TOKENS)
        put(self, "prefix", _prefix(self.name, self.prefix))

    def as_dict(self) -> dict[str, Any]:
        """Give all fields as JSON values."""
        return {name: str(value) if isinstance(value, StrEnum) else value for name, value in asdict(self).items()}

    def choices(self) -> dict[str, Any]:
        """`as_dict` without the name: what a fingerprint covers."""
        return {name: value for name, value in self.as_dict().items() if name != "name"}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `as_dict` gave; fields that are absent or null take their defaults.

        Raises
        ------
        OptionError
            If a field is unknown, ``name`` is absent, or a value is out of range.
        """
        known = [field.name for field in fields(cls)]
        for name, value in values.items():
            if name not in known:
                raise OptionError(name, value, "one of the fields " + ", ".join(known))
        given = {name: value for name, value in values.items() if value is not None}
        return cls(**{"name": "", **given})


def _one_of(option: str, value: object, kinds: type[StrEnum]) -> StrEnum:
    try:
        return kinds(str(value))
    except ValueError:
        raise OptionError(option, value, "one of " + ", ".join(kinds)) from None


def _check_whole(option: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OptionError(option, value, f"a whole number from {low} to {high}")


def _prefix(name: str, given: object) -> str:
    if given is None or given == BY_NAME:
        return default_prefix(name)
    if not isinstance(given, str) or len(given) > 1000 or not given.isprintable():
        raise OptionError("prefix", given, "a printable text of at most 1000 characters")
    return given
