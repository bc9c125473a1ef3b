"""OpenTelemetry traces: on where ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set and the extra ``tracing`` is installed.

Spans carry routes, statuses, times and the types of exceptions; neither texts nor messages, which may quote a text.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from typing import Any

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace

from app.middleware import PROBES

_tracer = trace.get_tracer("xite")


def telemetry() -> TelemetryConfig:
    """What FastAPI is told; its own logs and metrics stay off, since the service has those without the texts."""
    return {
        "tracing": True,
        "operation_spans": True,
        "metrics": False,
        "logs": False,
        "auto_configure": True,
        "exclude": _is_probe,
    }


def span(name: str, **attributes: int | str) -> AbstractContextManager[Any]:
    """A span below the present one."""
    return _tracer.start_as_current_span(name, attributes=attributes, record_exception=False)


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    return scope.get("path") in PROBES
