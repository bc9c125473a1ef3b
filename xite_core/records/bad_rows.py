"""Rows that were left out of a file, since they cannot be used."""

from __future__ import annotations

from typing import Any

from xite_core.errors import RowError

LISTED = 20
"""Bad rows that are told in words; the others are counted."""


class BadRows:
    """Collects them, for a report."""

    def __init__(self) -> None:
        self.count = 0
        self._listed: list[str] = []

    def add(self, row: RowError) -> None:
        """Take note of one more."""
        self.count += 1
        if len(self._listed) < LISTED:
            self._listed.append(str(row))

    def as_dict(self) -> dict[str, Any]:
        """How many there are, and the first of them."""
        return {"count": self.count, "listed": self._listed}
