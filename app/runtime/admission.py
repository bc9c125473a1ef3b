"""How much may wait: counted in tokens, refused at once beyond that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.errors import BusyError
from app.metrics.instruments import QUEUE_TOKENS
from xite_core.types import Example

LONGEST_WAIT = 60.0
LEAST_REQUESTS = 8
"""So many requests of any size are admitted at once, however slow the machine."""

CHARACTERS_A_TOKEN = 2
"""A cautious guess for the scripts at hand, before the texts are tokenized."""

_NEW = 0.02
"""Weight of a new part in the mean of what the guesses turned out to be."""


class Admission:
    """A bounded amount of admitted tokens; used from the event loop alone.

    Whether a request is admitted depends on what is there, not on its own size: one text and a list are treated alike.
    Requests take turns in the queue, so a big one delays the others by one turn, and counts as one turn for the wait.

    Parameters
    ----------
    limit : int
        Tokens beyond which nothing is admitted.
    seconds : float
        Wait beyond which nothing is admitted, as far as it can be told.
    turn : int
        Tokens of a request that are computed before the others' turn.
    """

    def __init__(self, limit: int, seconds: float, turn: int) -> None:
        self.limit, self.seconds, self.turn = limit, seconds, turn
        self.requests = 0
        """Requests admitted and not answered."""
        self.held = 0
        """Their tokens."""
        self.ahead = 0
        """Of these, what a new request would wait for."""
        self.share = 1.0
        """Tokens found for each one guessed, a moving mean."""

    @contextmanager
    def admit(self, tokens: int, rate: float) -> Iterator[None]:
        """Hold a permit during the block.

        Parameters
        ----------
        tokens : int
            What the request will cost.
        rate : float
            Tokens a second at full load; 0 where unknown.

        Raises
        ------
        BusyError
            If the queue is full.
        """
        if self._is_full(rate):
            raise BusyError(min(self.share * self.ahead / rate if rate else 1.0, LONGEST_WAIT))
        self._hold(1, tokens)
        try:
            yield
        finally:
            self._hold(-1, tokens)

    def _is_full(self, rate: float) -> bool:
        if self.held >= self.limit:
            return True
        return self.requests >= LEAST_REQUESTS and rate > 0 and self.share * self.ahead >= rate * self.seconds

    def learn(self, guessed: int, found: int) -> None:
        """Tell how many tokens some texts have for which ``guessed`` were reckoned."""
        self.share += _NEW * (found / max(guessed, 1) - self.share)

    def _hold(self, requests: int, tokens: int) -> None:
        self.requests += requests
        self.held += requests * tokens
        self.ahead += requests * min(tokens, self.turn)
        QUEUE_TOKENS.set(self.held)


def estimated_tokens(examples: Sequence[Example], max_tokens: int) -> int:
    """About as many tokens as the texts will have, from their lengths."""
    return sum(
        min(max_tokens, (len(example.text) + len(example.text_pair or "")) // CHARACTERS_A_TOKEN + 2)
        for example in examples
    )
