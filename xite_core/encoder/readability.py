"""Whether an encoder can read a text: a script that its vocabulary lacks becomes "unknown" tokens, all alike (ours).

Such texts have nearly the same vector, which matches well, so that nothing else would tell that it means nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from xite_core.scripts import main_script, script_of
from xite_core.types import BoolArray, FloatArray, IntArray

UNKNOWN = ("[UNK]", "<unk>")
"""What tokenizers call the token for what they do not know; those that fall back to bytes never give it."""

MOSTLY = 0.75
"""Share of unknown tokens from which on a text's script is looked at."""

FEW = 3
"""Pieces of a script from which on a vocabulary holds it: less are strays in texts of other languages."""


class Readability:
    """Looks at token ids, and at the texts of those that hold hardly anything known.

    Parameters
    ----------
    backend : Tokenizer
        With the vocabulary.
    """

    def __init__(self, backend: Tokenizer) -> None:
        vocabulary = backend.get_vocab()
        size = max(vocabulary.values(), default=0) + 1  # ids may have gaps
        special = {token for token, added in backend.get_added_tokens_decoder().items() if added.special}
        unknown, worded, content = np.zeros(size, np.bool_), np.zeros(size, np.bool_), np.ones(size, np.bool_)
        pieces: Counter[str] = Counter()
        for piece, token in vocabulary.items():
            if token in special:
                continue
            scripts = {script for script in map(script_of, piece) if script}
            worded[token] = bool(scripts)
            pieces.update(scripts)
        content[sorted(special)] = False
        for name in UNKNOWN:
            found = backend.token_to_id(name)
            if found is not None:
                unknown[found], worded[found], content[found] = True, False, True
        self._flags = unknown, worded, content
        self._scripts = {script for script, count in pieces.items() if count >= FEW}

    def unreadable(self, ids: Sequence[Sequence[int]], texts: Sequence[str]) -> BoolArray:
        """Tell which texts mean nothing to the encoder.

        Parameters
        ----------
        ids : sequence of sequence of int, (n,)
            Token ids; special ones may be among them.
        texts : sequence of str, (n,)
            What they were made of.

        Returns
        -------
        ndarray of bool, (n,)
            True where hardly a token with a letter is known and the vocabulary does not hold the script, and where
            nothing is left of a text, as of invisible characters.
        """
        if not len(ids):
            return np.zeros(0, np.bool_)
        share, content = self._counted(ids)
        found: BoolArray = np.equal(content, 0)
        for i in np.flatnonzero((share >= MOSTLY) & ~found).tolist():
            script = main_script(texts[i])
            found[i] = script is not None and script not in self._scripts
        return found

    def _counted(self, ids: Sequence[Sequence[int]]) -> tuple[FloatArray, FloatArray]:
        """Share of unknown tokens among them and the known ones with a letter, and tokens that are not special."""
        flat = np.concatenate([np.asarray(row, np.int64) for row in ids])
        rows: IntArray = np.repeat(np.arange(len(ids)), [len(row) for row in ids])
        unknown, worded, content = (
            np.bincount(rows, flags[flat], len(ids)).astype(np.float32) for flags in self._flags
        )
        return unknown / np.maximum(unknown + worded, 1), content
