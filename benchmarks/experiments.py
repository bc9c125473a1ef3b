"""The experiments: which rows are the source, the unlabeled text and the test, under the rules of the data.

Neutral rows are dropped from sentiment everywhere. SST-2 is never split: half of its own test set chooses, the other
half is reported. XNLI is split by premise, the same premises in all languages: one half is unlabeled, the other tests.
SIB-200 is row-parallel: even training rows are the English source, odd ones the unlabeled target text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from xite_core.types import Example

SENTIMENT = {
    "ko": (("ko.nsmc", 3000),),
    "ar": (("ar.elsahar_res1", 2000),),
    "ur": (("ur.mirfan_products", 2500), ("ur.usc", None)),
    "hi": (("hi.amazon_hsac", None),),
}
WIDER = {
    "sw": (("sw.afrisenti", None),),
    "am": (("am.afrisenti", 2000),),
    "ha": (("ha.afrisenti", 2000),),
}
NLI = ("ko", "ar", "ur", "hi", "sw")
TOPIC = {
    "ko": "kor_Hang",
    "ar": "arb_Arab",
    "ur": "urd_Arab",
    "hi": "hin_Deva",
    "sw": "swh_Latn",
    "th": "tha_Thai",
}
TEST_ROWS = 1500
LEAST_TEST_ROWS = 800
"""A language of `SENTIMENT` with fewer development rows is tested on training rows too, taken from the unlabeled."""

SOURCE_ROWS = {"sst2": 8000, "blitzer": 1500, "mnli10k": 4000, "cad_snli": 2500}


@dataclass(frozen=True)
class Experiment:
    """The rows of one language."""

    task: str
    lang: str
    source: list[Example]
    unlabeled: list[Example]
    test: list[Example]
    english_test: list[Example]


class Tasks:
    """Reads the task files of a directory with ``sentiment``, ``nli`` and ``topic``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def sentiment(self, lang: str, sources: tuple[str, ...] = ("sst2",)) -> Experiment:
        sets = {**SENTIMENT, **WIDER}[lang]
        source = [row for name in sources for row in self._sentiment(f"en.{name}.train", SOURCE_ROWS[name])]
        unlabeled = [row for name, count in sets for row in self._sentiment(f"{name}.train", count)]
        test = [row for name, _ in sets for row in self._sentiment(f"{name}.dev", TEST_ROWS if lang == "ha" else None)]
        if lang in SENTIMENT:
            unlabeled, test = _filled_up(unlabeled, test)
        return Experiment("sentiment", lang, source, unlabeled, test, self._sentiment("en.sst2.test", None))

    def nli(self, lang: str) -> Experiment:
        rows, english = self._rows("nli", f"{lang}.xnli.dev"), self._rows("nli", "en.xnli.dev")
        # the files are line-parallel: the English premise decides for all languages
        tested = [_half(row.text) for row in english]
        return Experiment(
            "nli",
            lang,
            self._rows("nli", "en.mnli10k.train", SOURCE_ROWS["mnli10k"])
            + self._rows("nli", "en.cad_snli.train", SOURCE_ROWS["cad_snli"]),
            [row for row, test in zip(rows, tested, strict=True) if not test],
            [row for row, test in zip(rows, tested, strict=True) if test],
            self._rows("nli", "en.cad_snli.dev"),
        )

    def topic(self, lang: str) -> Experiment:
        name = TOPIC[lang]
        return Experiment(
            "topic",
            lang,
            self._rows("topic", "eng_Latn.sib200.train")[::2],
            self._rows("topic", f"{name}.sib200.train")[1::2],
            self._rows("topic", f"{name}.sib200.dev") + self._rows("topic", f"{name}.sib200.test"),
            self._rows("topic", "eng_Latn.sib200.dev"),
        )

    def _sentiment(self, name: str, count: int | None) -> list[Example]:
        return self._rows("sentiment", name, count, lambda row: row["label"] != "neutral")

    def _rows(
        self, task: str, name: str, count: int | None = None, keep: Callable[[dict[str, Any]], bool] | None = None
    ) -> list[Example]:
        rows = pq.read_table(self.directory / task / f"{name}.parquet").to_pylist()
        rows = [row for row in rows if keep is None or keep(row)]
        if count is not None and count < len(rows):
            drawn = np.sort(np.random.default_rng(0).choice(len(rows), count, replace=False))
            rows = [rows[i] for i in drawn]
        return [Example(row["text"], row.get("text_pair"), row["label"]) for row in rows]


def experiments(tasks: Tasks, name: str) -> list[Experiment]:
    """All languages of an experiment."""
    if name == "sentiment":
        return [tasks.sentiment(lang) for lang in SENTIMENT]
    if name == "wider":
        return [tasks.sentiment(lang) for lang in WIDER]
    if name == "mixed":
        return [tasks.sentiment(lang, ("sst2", "blitzer")) for lang in (*SENTIMENT, *WIDER)]
    if name == "nli":
        return [tasks.nli(lang) for lang in NLI]
    return [tasks.topic(lang) for lang in TOPIC]


def _filled_up(unlabeled: list[Example], test: list[Example]) -> tuple[list[Example], list[Example]]:
    """Move as many rows as are missing from the unlabeled ones to the test, without their copies, where any are."""
    known = {row.text for row in test}
    rest = [row for row in unlabeled if row.text not in known]
    missing = max(LEAST_TEST_ROWS - len(test), 0)
    if not missing:
        return unlabeled, test
    order = np.random.default_rng(5).permutation(len(rest))
    moved = [rest[i] for i in np.sort(order[:missing])]
    texts = {row.text for row in moved}
    return [row for row in rest if row.text not in texts], test + moved


def _half(premise: str) -> bool:
    return hashlib.blake2b(premise.encode(), digest_size=1).digest()[0] < 128
