"""The demonstration: English reviews served, reviews in four languages augmented and fine-tuned on, over HTTP."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from app.building import BuildRequest, build_bundle
from app.client import Client
from app.demo.augmentation import curl_line, show_augmentation
from app.demo.finetuning import show_finetuning
from app.demo.process import HOST, serving
from app.processes.ports import usable_port
from xite_core.bundle.manifest import read_manifest
from xite_core.bundle.store import BundleStore
from xite_core.demo import TARGET_LANGUAGES, demo_file
from xite_core.encoder.registry import load_encoder

BUNDLE = "demo-sentiment"
HELD_OUT = 0.2
"""English rows held out: the gate of the fine-tuning looks at them."""


def run_demo(home: Path, port: int, console: Console, *, oneshot: bool) -> None:
    """Build the bundle if it is not there, serve it, ask, fine-tune, print; then end (``oneshot``) or go on serving.

    Raises
    ------
    XiteError
        If the service does not start; its last words are in the message.
    """
    if not _is_built(home):
        build_bundle(BuildRequest(home, BUNDLE, demo_file("reviews", "en"), validation=HELD_OUT), console)
    port = usable_port(HOST, port)
    with serving(home, port, BUNDLE) as service, Client(f"http://{HOST}:{port}") as client:
        client.wait_until_ready()
        for lang in TARGET_LANGUAGES:
            show_augmentation(client, lang, console)
        show_finetuning(client, BUNDLE, console)
        if not oneshot:
            console.print(f"The service answers at http://{HOST}:{port} (its pages: /docs). Try:\n")
            console.print(curl_line(port), soft_wrap=True, highlight=False, markup=False)
            console.print("\nServing until stopped (Ctrl-C).")
            service.wait()


def _is_built(home: Path) -> bool:
    store = BundleStore(home)
    if BUNDLE not in store.names():
        return False
    return read_manifest(store.resolve(BUNDLE)).fingerprint == load_encoder("xite-mini").fingerprint
