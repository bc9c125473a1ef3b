"""The demonstration: the service on English reviews, asked over HTTP about reviews in four languages."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app.augment.schemas import AugmentResponse
from app.building import BuildRequest, build_bundle
from app.client import Client
from xite_core.bundle.manifest import read_manifest
from xite_core.bundle.store import BundleStore
from xite_core.demo import TARGET_LANGUAGES, demo_file
from xite_core.encoder.registry import load_encoder
from xite_core.errors import XiteError
from xite_core.records.readers import read_examples
from xite_core.types import Example

BUNDLE = "demo-sentiment"
HOST = "127.0.0.1"
SHOWN = 4
"""Texts of each language in the table."""

MIN_CONFIDENCE = 0.6
"""Below this the demonstration abstains, so that a newcomer sees what that looks like."""

STOP_SECONDS = 40


def run_demo(home: Path, port: int, console: Console, *, oneshot: bool) -> None:
    """Build the bundle if it is not there, serve it, ask, print; then end (``oneshot``) or serve until stopped.

    Raises
    ------
    XiteError
        If the service does not start; its last words are in the message.
    """
    if not _is_built(home):
        build_bundle(BuildRequest(home, BUNDLE, demo_file("reviews", "en")), console)
    port = port if _is_free(port) else _any_port()
    with serving(home, port) as service, Client(f"http://{HOST}:{port}") as client:
        client.wait_until_ready()
        for lang in TARGET_LANGUAGES:
            _show(client, lang, console)
        console.print(f"The service answers at http://{HOST}:{port} (its pages: /docs). Try:\n")
        console.print(_curl(port), soft_wrap=True, highlight=False, markup=False)
        if not oneshot:
            console.print("\nServing until stopped (Ctrl-C).")
            service.wait()


def _is_built(home: Path) -> bool:
    store = BundleStore(home)
    if BUNDLE not in store.names():
        return False
    return read_manifest(store.resolve(BUNDLE)).fingerprint == load_encoder("xite-mini").fingerprint


@contextmanager
def serving(home: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run ``xite serve`` as a process of its own for the length of the block."""
    log = home / "serve.log"
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--home", str(home), "--bundle", BUNDLE]
    with log.open("w", encoding="utf8") as handle:
        service = subprocess.Popen(command, stdout=handle, stderr=subprocess.STDOUT, text=True)
    try:
        yield service
    except Exception as error:
        if service.poll() is None:
            raise
        last = log.read_text("utf8").strip().splitlines()[-3:]
        raise XiteError(f"the service ended with status {service.returncode}: {' '.join(last)}") from error
    finally:
        if service.poll() is None:
            service.send_signal(signal.SIGTERM)
            service.wait(STOP_SECONDS)


def _show(client: Client, lang: str, console: Console) -> None:
    rows = [row for chunk in read_examples(demo_file("reviews", lang), labeled=True) for row in chunk]
    inputs = [{"id": row.id, "text": row.text, "lang": lang} for row in rows]
    answer = client.augment(inputs, min_confidence=MIN_CONFIDENCE, include=["neighbors", "embedding"])
    console.print(_table(answer, rows, lang))
    console.print(_summary(answer, rows))


def _table(answer: AugmentResponse, rows: list[Example], lang: str) -> Table:
    last = "matched English example, or why it abstained"
    table = Table("text", "label", "confidence", last, title=f"{lang}: POST /augment", show_lines=True)
    for item, row in list(zip(answer.data, rows, strict=True))[:SHOWN]:
        confidence = f"{item.confidence:.2f}"
        if item.status == "matched":
            source = item.embeddings[0].source_id if item.embeddings else None
            english = next((near.text for near in item.neighbors or [] if near.id == source), "")
            table.add_row(row.text, item.label, confidence, english)
        else:
            table.add_row(row.text, "-", confidence, f"abstained: {item.reason}")
    return table


def _summary(answer: AugmentResponse, rows: list[Example]) -> str:
    matched = [(item.label, row.label) for item, row in zip(answer.data, rows, strict=True) if item.label]
    right = sum(adopted == gold for adopted, gold in matched)
    made: Any = next((item.embeddings[0] for item in answer.data if item.embeddings), None)
    size = len(made.values()) if made else 0
    return (
        f"{len(matched)} of {len(rows)} texts matched, each with a vector of {size} numbers; {right} of them adopted "
        "the gold label (gold labels serve for this line only)\n"
    )


def _curl(port: int) -> str:
    body = json.dumps({"inputs": [{"text": "배송이 빨라서 좋았어요", "lang": "ko"}], "k": 4}, ensure_ascii=False)
    return f"curl -s http://{HOST}:{port}/augment -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
