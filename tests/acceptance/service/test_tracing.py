"""Traces reach a collector, and hold no text."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.support.service import NAME, build, running, source

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
SECRET = "zanzibar-teapot"


class Collector(ThreadingHTTPServer):
    """Keeps what is exported."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[bytes] = []


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/traces":
            self.server.bodies.append(body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    yield collector
    collector.shutdown()
    collector.server_close()
    thread.join()


def names_of(bodies: list[bytes]) -> set[str]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    found = set()
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            found |= {span.name for scope in resource.scope_spans for span in scope.spans}
    return found


def test_spans_reach_the_collector(collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path, NAME, source())
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_address[1]}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    with running(tmp_path) as service:
        httpx.post(service.url + "/match", json={"inputs": [SECRET]}).raise_for_status()
        assert httpx.post(service.url + "/match", json={"inputs": [{"text": SECRET, "lang": 5}]}).status_code == 422
        until = time.monotonic() + 20
        wanted = {"POST /match", "tokenize", "compute"}
        while not wanted <= names_of(collector.bodies) and time.monotonic() < until:
            time.sleep(0.1)
        names = names_of(collector.bodies)
    assert wanted <= names, names
    assert not any("health" in name or "metrics" in name for name in names)
    assert not any(SECRET.encode() in body for body in collector.bodies)
