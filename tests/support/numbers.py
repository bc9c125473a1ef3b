"""What ``/metrics`` of a running service says."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.service import Service

Series = tuple[str, tuple[tuple[str, str], ...]]


def numbers(service: Service) -> dict[Series, float]:
    """All samples by name and sorted labels."""
    answer = httpx.get(service.url + "/metrics", timeout=30)
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        series(sample.name, **sample.labels): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def series(name: str, **labels: str) -> Series:
    return name, tuple(sorted(labels.items()))


def number(service: Service, name: str, **labels: str) -> float:
    """One sample; 0 where there is none yet."""
    return numbers(service).get(series(name, **labels), 0.0)
