"""Which scope a call needs. What is not in this table is refused while keys are required."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Scope(StrEnum):
    """What a key is good for; none includes another."""

    READ = "read"
    """Look and compute: every GET, match, augment, predict, embeddings, Label Studio's predictions."""

    WRITE = "write"
    """Upload and delete datasets, start and steer jobs, take Label Studio's annotations."""

    ADMIN = "admin"
    """Activate, roll back and delete bundles."""

    NONE = "none"
    """Needs no key."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What calls of a path and of everything below it need.

    Parameters
    ----------
    prefix : str
        The path; the rule with the longest one counts.
    looking : Scope, optional
        For GET, HEAD and OPTIONS; ``None`` refuses them.
    changing : Scope, optional
        For all other methods; ``None`` refuses them.
    """

    prefix: str
    looking: Scope | None
    changing: Scope | None

    def covers(self, path: str) -> bool:
        """Whether the path is the prefix or lies below it; ``/`` covers itself alone."""
        return path == self.prefix or (self.prefix != "/" and path.startswith(self.prefix + "/"))


RULES = (
    Rule("/health", Scope.NONE, None),
    Rule("/metrics", Scope.NONE, None),
    Rule("/info", Scope.READ, None),
    Rule("/match", None, Scope.READ),
    Rule("/augment", None, Scope.READ),
    Rule("/predict", None, Scope.READ),
    Rule("/v1/embeddings", None, Scope.READ),
    Rule("/v1/models", Scope.READ, None),
    Rule("/datasets", Scope.READ, Scope.WRITE),
    Rule("/jobs", Scope.READ, Scope.WRITE),
    Rule("/bundles", Scope.READ, Scope.ADMIN),
    Rule("/review", None, Scope.READ),
    Rule("/argilla", None, Scope.READ),
    Rule("/doccano", None, Scope.READ),
    Rule("/label-studio", Scope.READ, Scope.READ),
    Rule("/label-studio/setup", Scope.READ, Scope.WRITE),
    Rule("/label-studio/webhook", Scope.READ, Scope.WRITE),
    Rule("/", Scope.READ, None),
    Rule("/docs", Scope.READ, None),
    Rule("/openapi.json", Scope.READ, None),
)


def scope_of(method: str, path: str) -> Scope | None:
    """The scope that a call needs, ``None`` where nobody may.

    Parameters
    ----------
    method : str
        In capitals.
    path : str
        Decoded, as the router sees it.
    """
    covering = [rule for rule in RULES if rule.covers(path)]
    if not covering:
        return None
    rule = max(covering, key=lambda rule: len(rule.prefix))
    return rule.looking if method in SAFE_METHODS else rule.changing
