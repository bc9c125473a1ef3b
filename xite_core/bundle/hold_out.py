"""Which labeled rows are held out for validation, decided row by row as they are read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from xite_core.subspace import FEWEST
from xite_core.types import Example


@dataclass(frozen=True, slots=True)
class Lot:
    """Falls on a share of all texts, always the same ones.

    Parameters
    ----------
    share : float
        Of the texts, 0 to 1.
    seed : int
        Which ones.
    """

    share: float
    seed: int

    def falls_on(self, text: str) -> bool:
        """Whether a text is to be held out."""
        content = f"{self.seed}\x00{text}"
        value = int.from_bytes(hashlib.blake2b(content.encode(), digest_size=8).digest())
        return value / 2**64 < self.share


NOBODY = Lot(0.0, 0)


class HoldOut:
    """Decides by the text (of a pair: the premise), so that duplicates stay together.

    A text is spared where its label has not yet the anchors that it needs, `FEWEST`: a label without anchors could not
    be adopted. For the same reason a rare label's row may be spared whose text is held out under another label.

    Parameters
    ----------
    lot : Lot
        Whom it falls on.
    most : int
        Once so many rows are held out, no further text is.
    texts : iterable of str
        Held out whatever the lot says and whichever label they have.
    """

    def __init__(self, lot: Lot, most: int = 0, texts: Iterable[str] = ()) -> None:
        self._lot, self._most, self._chosen, self._rows = lot, most, frozenset(texts), 0
        self._drawn: set[str] = set()
        self._spared: set[str] = set()
        self._anchors: Counter[str | None] = Counter()

    def takes(self, example: Example) -> bool:
        """Whether the next row is held out."""
        if example.text not in self._chosen and not self._draws(example):
            self._anchors[example.label] += 1
            return False
        self._rows += 1
        return True

    def _draws(self, example: Example) -> bool:
        drawn = example.text in self._drawn or (self._rows < self._most and self._lot.falls_on(example.text))
        if not drawn or example.text in self._spared:
            return False
        if self._anchors[example.label] < FEWEST:
            self._spared |= {example.text} - self._drawn
            return False
        self._drawn.add(example.text)
        return True
