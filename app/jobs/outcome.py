"""What a finished attempt has to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xite_core.storage import sha256_of

ARTIFACTS = "artifacts"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an attempt.

    Parameters
    ----------
    result : mapping
        JSON values for the caller: bundle, revision, gate, artifacts.
    metrics : mapping, optional
        Before and after.
    activate : bool
        Whether the revision is to be made the active one.
    clean : callable, optional
        Removes what a resumption would have needed.
    """

    result: Mapping[str, Any]
    metrics: Mapping[str, Any] | None = None
    activate: bool = False
    clean: Callable[[], None] | None = None


def described(paths: Sequence[Path]) -> dict[str, Any]:
    """Names, sizes and hashes of artifacts, as the result shows them."""
    return {
        "artifacts": [path.name for path in paths],
        "artifact_hashes": {path.name: sha256_of(path) for path in paths},
    }
