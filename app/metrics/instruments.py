"""The instruments. Each process writes its own; with several processes the scrape adds them up.

Importing this decides whether values are shared (``PROMETHEUS_MULTIPROC_DIR``, set by `app.metrics.sharing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from xite_core.bundle.bundle import Bundle
from xite_core.types import Match, Status

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
_STAGE_SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0, 4.0, 8.0)
_SCORES = (-1.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.5)

UNROUTED = "none"
"""Stands for all paths without a route, so that a stranger cannot make up time series."""

REQUESTS = Counter("xite_requests", "Answered requests", ("method", "route", "status"))
REQUEST_SECONDS = Histogram("xite_request_seconds", "From the first byte to the last", ("route",), buckets=_SECONDS)
STAGE_SECONDS = Histogram(
    "xite_stage_seconds",
    "tokenize and queue: of a part; encode and search: of a batch",
    ("stage",),
    buckets=_STAGE_SECONDS,
)
QUEUE_TOKENS = Gauge("xite_queue_tokens", "Tokens admitted and not answered yet", multiprocess_mode="livesum")
BATCH_TOKENS = Counter("xite_batch_tokens", "Tokens that were encoded")
TEXTS = Counter("xite_texts", "Texts that were matched or abstained")
TRUNCATED = Counter("xite_truncated_texts", "Texts that were cut to what the encoder takes")
ABSTENTIONS = Counter("xite_abstentions", "Texts without a label", ("reason",))
MATCH_SCORE = Histogram("xite_match_score", "Score of the best example", ("scoring",), buckets=_SCORES)
BUNDLE_INFO = Gauge(
    "xite_bundle_info",
    "1 where a process serves the revision, 0 where it did before",
    ("bundle", "revision", "encoder"),
    multiprocess_mode="livemax",
)


def stage(name: str) -> AbstractContextManager[Any]:
    """Time a stage: ``tokenize``, ``queue``, ``encode`` or ``search``."""
    timer: AbstractContextManager[Any] = STAGE_SECONDS.labels(name).time()
    return timer


def count_request(method: str, route: str | None, status: int | None, seconds: float) -> None:
    """Count an answer; one that was never given has the status 499."""
    shown = route or UNROUTED
    REQUESTS.labels(method, shown, str(status or 499)).inc()
    REQUEST_SECONDS.labels(shown).observe(seconds)


def show_bundle(before: Bundle | None, now: Bundle) -> None:
    """Say which revision is served; shared numbers cannot be taken back, so the former one becomes 0."""
    for bundle, value in ((before, 0), (now, 1)):
        if bundle is not None:
            encoder = str(bundle.manifest.encoder["name"])
            BUNDLE_INFO.labels(bundle.name, bundle.revision, encoder).set(value)


def count_matches(matches: Sequence[Match], scoring: str, truncated: int) -> None:
    """Count what texts were matched or abstained."""
    TEXTS.inc(len(matches))
    TRUNCATED.inc(truncated)
    scores = MATCH_SCORE.labels(scoring)
    for match in matches:
        scores.observe(match.score)
        if match.status is Status.ABSTAINED:
            ABSTENTIONS.labels(str(match.reason)).inc()
