"""How much may wait: counted in tokens, refused at once beyond that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.errors import BusyError
from app.metrics.instruments import QUEUE_TOKENS
from xite_core.types import Example

LONGEST_WAIT = 60.0
CHARACTERS_A_TOKEN = 2
"""A cautious guess for the scripts at hand; only a bound is needed before the texts are tokenized."""


class Admission:
    """A bounded amount of admitted tokens; used from the event loop alone.

    Parameters
    ----------
    limit : int
        Tokens that may be admitted at once; a single request may exceed it when nothing else is admitted.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    @contextmanager
    def admit(self, tokens: int, rate: float) -> Iterator[None]:
        """Hold a permit during the block.

        Parameters
        ----------
        tokens : int
            What the request will cost.
        rate : float
            Tokens a second at present, for the advice when to come back; 0 where unknown.

        Raises
        ------
        BusyError
            If the queue is full.
        """
        if self.held and self.held + tokens > self.limit:
            raise BusyError(min(self.held / rate if rate else 1.0, LONGEST_WAIT))
        self._hold(tokens)
        try:
            yield
        finally:
            self._hold(-tokens)

    def _hold(self, tokens: int) -> None:
        self.held += tokens
        QUEUE_TOKENS.set(self.held)


def estimated_tokens(examples: Sequence[Example], max_tokens: int) -> int:
    """About as many tokens as the texts will have, from their lengths."""
    return sum(
        min(max_tokens, (len(example.text) + len(example.text_pair or "")) // CHARACTERS_A_TOKEN + 2)
        for example in examples
    )
