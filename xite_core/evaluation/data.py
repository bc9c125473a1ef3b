"""The rows of an evaluation: checked, cut to size, the English ones split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xite_core.encoder.protocol import Encoder
from xite_core.errors import InputError
from xite_core.pool import ENGLISH
from xite_core.types import Example

MIN_ROWS = 20
"""Least rows of each file: below, no figure means anything."""

MIN_ENGLISH_TEST = 100
"""English test rows from which on half of them choose the regulariser, and the other half are reported."""


@dataclass(frozen=True, slots=True)
class EvaluationInputs:
    """What an evaluation works on.

    Parameters
    ----------
    source : sequence of Example
        Labeled English.
    unlabeled : sequence of Example
        Target texts; labels are ignored.
    test : sequence of Example
        Labeled target texts, looked at for scoring only.
    lang : str
        The target language.
    encoder : Encoder
        Any.
    english_test : sequence of Example
        Labeled English beside the source; a share of the source is held out where there is none.
    task : str
        A name for the report.
    """

    source: Sequence[Example]
    unlabeled: Sequence[Example]
    test: Sequence[Example]
    lang: str
    encoder: Encoder
    english_test: Sequence[Example] = ()
    task: str = "task"


@dataclass(frozen=True, slots=True)
class EvaluationRows:
    """Rows that are used.

    Parameters
    ----------
    source : list of Example
        Labeled English to learn from.
    validation : list of Example
        Labeled English that chooses; empty where a share of the source has to do.
    unlabeled, test : list of Example
        Target texts.
    english : list of Example
        Labeled English that is reported; empty where the held-out share of the source has to do.
    dropped : int
        Test rows, English and target, whose label the source does not have.
    """

    source: list[Example]
    validation: list[Example]
    unlabeled: list[Example]
    test: list[Example]
    english: list[Example]
    dropped: int


def checked(inputs: EvaluationInputs, limit: int) -> EvaluationRows:
    """Check the rows and draw at most ``limit`` of source and unlabeled ones; test rows are all used.

    Raises
    ------
    InputError
        If a file has too few rows, texts and pairs are mixed, or no label of the test rows occurs in the source.
    """
    pairs = {row.text_pair is not None for part in _parts(inputs).values() for row in part}
    if len(pairs) > 1:
        raise InputError("texts and text pairs are mixed: give 'text_pair' in all files or in none")
    for name, part in _parts(inputs).items():
        if len(part) < MIN_ROWS and (part or name != "english test"):
            raise InputError(f"{name}: {len(part)} rows, at least {MIN_ROWS} are needed")
    labels = {row.label for row in inputs.source}
    if len(labels) < 2:
        raise InputError(f"source: one label only ({next(iter(labels))!r}); at least 2 are needed")
    test = [replace(row, lang=inputs.lang) for row in inputs.test if row.label in labels]
    english = [replace(row, id=None, lang=ENGLISH) for row in inputs.english_test if row.label in labels]
    for name, kept, given in (("test", test, inputs.test), ("english test", english, inputs.english_test)):
        if given and len(kept) < MIN_ROWS:
            known = ", ".join(sorted(map(str, labels)))
            raise InputError(f"{name}: {len(kept)} rows have a label of the source ({known}); {MIN_ROWS} are needed")
    chosen = [row for row in english if _first_half(row.text)] if len(english) >= MIN_ENGLISH_TEST else []
    held_out = {row.text for row in english}
    source = [replace(row, id=None, lang=ENGLISH) for row in inputs.source if row.text not in held_out]
    unlabeled = [replace(row, label=None, id=None, lang=inputs.lang) for row in inputs.unlabeled]
    return EvaluationRows(
        source=_drawn(source, limit),
        validation=chosen,
        unlabeled=_drawn(unlabeled, limit),
        test=test,
        english=[row for row in english if not _first_half(row.text)] if chosen else english,
        dropped=len(inputs.test) - len(test) + len(inputs.english_test) - len(english),
    )


def _parts(inputs: EvaluationInputs) -> dict[str, Sequence[Example]]:
    return {
        "source": inputs.source,
        "unlabeled": inputs.unlabeled,
        "test": inputs.test,
        "english test": inputs.english_test,
    }


def _drawn(rows: list[Example], limit: int) -> list[Example]:
    if len(rows) <= limit:
        return rows
    return [rows[i] for i in np.sort(np.random.default_rng(0).permutation(len(rows))[:limit])]


def _first_half(text: str) -> bool:
    """Decided by the text, of a pair the premise, so that duplicates and pairs of a premise stay together."""
    return hashlib.blake2b(text.encode("utf8", "surrogatepass"), digest_size=1).digest()[0] < 128
