"""What jobs that encode rows tell on the way, and how they learn that they are to stop."""

from __future__ import annotations

from app.jobs.attempt import Attempt


class JobStoppedError(Exception):
    """The attempt was told to stop."""


class EncodedRows:
    """Reports a build's progress, and ends it where the attempt is to stop.

    Parameters
    ----------
    attempt : Attempt
        Who is told.
    total : int
        Rows in all.
    """

    def __init__(self, attempt: Attempt, total: int) -> None:
        self._attempt, self._total, self._done = attempt, total, 0

    def __call__(self, stage: str, count: int) -> None:
        """Take the builder's news."""
        if self._attempt.cancelled():
            raise JobStoppedError
        self._done += count if stage == "encode" else 0
        self._attempt.progress("encode", self._done, self._total)
