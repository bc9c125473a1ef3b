"""What an extension is judged by: pairs held out, and old texts whose vectors must not move."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.prepare import canonical
from xite_core.encoder import Encoder, load_encoder
from xite_core.types import Example

Pair = tuple[str, str]
HELD_OUT_SHARE, HELD_OUT_MOST, FEWEST = 0.1, 500, 50
SAMPLE = 400


def split_pairs(pairs: list[Pair], seed: int) -> tuple[list[Pair], list[Pair]]:
    """Training and held-out pairs: a tenth, at most 500, and no text of them on either side of the training pairs.

    Raises
    ------
    SystemExit
        If there are fewer than 50 pairs.
    """
    if len(pairs) < FEWEST:
        raise SystemExit(f"{len(pairs)} usable pairs; at least {FEWEST} are needed")
    wanted = min(HELD_OUT_MOST, max(1, int(HELD_OUT_SHARE * len(pairs))))
    order = list(pairs)
    random.Random(seed).shuffle(order)
    test: list[Pair] = []
    english: set[str] = set()
    for a, b in order:
        if canonical(a) not in english and len(test) < wanted:
            english.add(canonical(a))
            test.append((a, b))
    other = {canonical(b) for _, b in test}
    train = [(a, b) for a, b in order if canonical(a) not in english and canonical(b) not in other]
    return train, test


def compare(before: Path, after: Path, texts: list[str]) -> dict[str, float | int]:
    """Whether texts that the encoder knew keep their tokens (all are looked at) and their vectors (a sample is)."""
    old, new = load_encoder(str(before)), load_encoder(str(after))
    examples = [Example(text) for text in texts]
    tokens = zip(old.tokenize(examples).ids, new.tokenize(examples).ids, strict=True)
    same = np.array([a == b for a, b in tokens])
    kept, moved = (cosines(old, new, [texts[i] for i in np.flatnonzero(rows)]) for rows in (same, ~same))
    return {
        "texts": len(texts),
        "with_same_tokens": int(same.sum()),
        "least_cosine_of_these": round(float(kept.min(initial=1.0)), 6),
        "mean_cosine_of_the_others": round(float(moved.mean()), 4) if len(moved) else 1.0,
    }


def cosines(old: Encoder, new: Encoder, texts: list[str]) -> npt.NDArray[np.float32]:
    """Cosine between both encoders' vectors of at most 400 of the texts."""
    drawn = random.Random(0).sample(texts, min(SAMPLE, len(texts)))
    if not drawn:
        return np.empty(0, np.float32)
    examples = [Example(text) for text in drawn]
    return np.asarray((old.encode(examples).vectors * new.encode(examples).vectors).sum(1))
