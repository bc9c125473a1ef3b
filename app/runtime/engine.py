"""One batch: parts of several requests through encoder and method together, and apart again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from app.metrics.instruments import count_matches, stage
from xite_core.augmenter import Augmentation, Augmenter
from xite_core.encoder.protocol import Encoder, Tokenized
from xite_core.options import AugmentOptions
from xite_core.types import Encoded, Example

Result = Encoded | Augmentation


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with the vectors; parts with equal plans are done in one call."""

    augmenter: Augmenter
    options: AugmentOptions
    interpolate: bool


@dataclass(slots=True, eq=False)
class Part:
    """Some tokenized texts of one request.

    Parameters
    ----------
    request : object
        Stands for the request; its parts share it.
    encoder : Encoder
        Parts of one batch share it.
    examples : sequence of Example
        The texts.
    tokenized : Tokenized
        Their tokens.
    plan : Plan, optional
        ``None`` where only the vectors are wanted.
    deadline : float
        On the monotonic clock.
    future : asyncio.Future
        Takes the result; a cancelled one means that nobody wants it.
    alone : bool
        Whether it has to be a batch of its own, since a batch with it got stuck.
    """

    request: object
    encoder: Encoder
    examples: Sequence[Example]
    tokenized: Tokenized
    plan: Plan | None
    deadline: float
    future: asyncio.Future[Result]
    alone: bool = False
    tokens: int = field(init=False)
    queued: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.tokens = int(self.tokenized.n_tokens.sum())

    def fits(self, other: Part) -> bool:
        """Whether both can be encoded in one call."""
        return self.encoder is other.encoder and self.is_pairs == other.is_pairs and not (self.alone or other.alone)

    @property
    def is_pairs(self) -> bool:
        """Whether the texts are pairs."""
        return self.examples[0].text_pair is not None


def run_batch(parts: Sequence[Part]) -> list[Result | Exception]:
    """Compute parts together; where that fails, each alone, so that only the guilty one gets the error."""
    try:
        return list(_together(parts))
    except Exception as error:
        if len(parts) == 1:
            return [error]
        return [run_batch([part])[0] for part in parts]


def _together(parts: Sequence[Part]) -> list[Result]:
    merged = merge([part.tokenized for part in parts])
    with stage("encode"):
        vectors = parts[0].encoder.forward(merged)
    encoded = split(merged.encoded(vectors), parts)
    results: list[Result] = list(encoded)
    groups: dict[tuple[int, AugmentOptions, bool], list[int]] = {}
    for i, part in enumerate(parts):
        if part.plan is not None:
            key = (id(part.plan.augmenter), part.plan.options, part.plan.interpolate)
            groups.setdefault(key, []).append(i)
    for members in groups.values():
        made = _augment([parts[i] for i in members], [encoded[i] for i in members])
        for i, augmentation in zip(members, made, strict=True):
            results[i] = augmentation
    return results


def _augment(parts: Sequence[Part], encoded: Sequence[Encoded]) -> list[Augmentation]:
    plan = parts[0].plan
    assert plan is not None
    together = Encoded.joined(encoded)
    examples = [example for part in parts for example in part.examples]
    with stage("search"):
        made = plan.augmenter.augment(examples, plan.options, encoded=together, interpolate=plan.interpolate)
    count_matches([text.match for text in made.texts], made.options.scoring, int(together.truncated.sum()))
    return [
        Augmentation(made.texts[start:stop], made.options, made.neighbors[start:stop]) for start, stop in _spans(parts)
    ]


def merge(parts: Sequence[Tokenized]) -> Tokenized:
    """Several tokenizations as one."""
    if len(parts) == 1:
        return parts[0]
    return Tokenized(
        list(chain.from_iterable(part.ids for part in parts)),
        list(chain.from_iterable(part.type_ids for part in parts)),
        np.concatenate([part.n_tokens for part in parts]),
        np.concatenate([part.truncated for part in parts]),
        np.concatenate([part.unreadable for part in parts]),
    )


def split(encoded: Encoded, parts: Sequence[Part]) -> list[Encoded]:
    """The vectors of each part."""
    return [encoded.part(slice(start, stop)) for start, stop in _spans(parts)]


def _spans(parts: Sequence[Part]) -> list[tuple[int, int]]:
    stops = np.cumsum([len(part.examples) for part in parts]).tolist()
    return list(zip([0, *stops[:-1]], stops, strict=True))
