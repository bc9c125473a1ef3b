"""How much of a text the encoder's vocabulary holds: a script that it lacks becomes "unknown" tokens, all alike (ours).

Such texts have nearly the same vector, which matches well, so that nothing else would tell that it means nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from xite_core.types import FloatArray, IntArray

UNKNOWN = ("[UNK]", "<unk>")
"""What tokenizers call the token for what they do not know; those that fall back to bytes never give it."""


class Readability:
    """Looks at token ids.

    Parameters
    ----------
    backend : Tokenizer
        With the vocabulary.
    """

    def __init__(self, backend: Tokenizer) -> None:
        size = backend.get_vocab_size()
        unknown, worded, content = np.zeros(size, np.bool_), np.zeros(size, np.bool_), np.ones(size, np.bool_)
        for piece, token in backend.get_vocab().items():
            worded[token] = any(map(str.isalpha, piece))
        special = [token for token, added in backend.get_added_tokens_decoder().items() if added.special]
        worded[special] = content[special] = False
        for name in UNKNOWN:
            found = backend.token_to_id(name)
            if found is not None:
                unknown[found], worded[found], content[found] = True, False, True
        self._flags = unknown, worded, content

    def unknown(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Share of unknown tokens among them and the known ones that have a letter.

        Parameters
        ----------
        ids : sequence of sequence of int, (n,)
            Token ids, none empty.

        Returns
        -------
        ndarray of float32, (n,)
            0 to 1; punctuation, digits, emoji and special tokens do not count. 1 where nothing but special tokens is
            left of a text, as of invisible characters.
        """
        if not len(ids):
            return np.zeros(0, np.float32)
        flat = np.concatenate([np.asarray(row, np.int64) for row in ids])
        starts: IntArray = np.cumsum([0, *map(len, ids)])[:-1]
        sums = (np.add.reduceat(flags[flat].astype(np.float32), starts) for flags in self._flags)
        unknown, worded, content = sums
        share = unknown / np.maximum(unknown + worded, 1)
        return np.where(content > 0, share, 1).astype(np.float32)
