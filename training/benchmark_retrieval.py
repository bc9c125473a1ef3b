"""Retrieval on the Tatoeba dev halves, P@1 in both directions, with bootstrap intervals over the queries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from training.bootstrap import mean_interval, mean_of_groups
from training.vectors import CachedEncoder, Vectors

#: The four target languages of the method, by the code that Tatoeba's files carry.
TARGETS = ("kor", "ara", "urd", "hin")


def hits(queries: Vectors, candidates: Vectors, gold: list[str]) -> npt.NDArray[np.float64]:
    """1 where the nearest candidate is the right one or reads the same; candidate ``i`` belongs to query ``i``."""
    best = (queries @ candidates.T).argmax(1)
    return np.array([gold[i] == gold[j] for i, j in enumerate(best)], np.float64)


def retrieval(encoder: CachedEncoder, folder: Path) -> dict[str, Any]:
    """P@1 of each language and means over the four targets and over all languages."""
    languages: dict[str, Any] = {}
    right: dict[str, npt.NDArray[np.float64]] = {}
    for file in sorted(folder.glob("tatoeba.*.parquet")):
        name = file.name.split(".")[1]
        table = pq.read_table(file)
        english, other = table["en"].to_pylist(), table["xx"].to_pylist()
        a, b = encoder(english), encoder(other)
        right[name] = hits(b, a, english)
        languages[name] = {
            "candidates": len(english),
            "to_english": mean_interval(right[name]).as_dict(),
            "from_english": mean_interval(hits(a, b, other)).as_dict(),
        }
    targets = [right[name] for name in TARGETS if name in right]
    return {
        "languages": languages,
        "mean_of_targets": mean_of_groups(targets).as_dict() if targets else None,
        "mean": mean_of_groups(list(right.values())).as_dict(),
    }
