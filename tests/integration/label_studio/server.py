"""The real Label Studio: installed once into an environment of its own, started on a port of the system's choice."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.environments import installed
from tests.support.ports import free_port

VERSION = "1.23.2"
USER, PASSWORD = "annotator@example.com", "only-for-this-check"
QUIET = {
    "COLLECT_ANALYTICS": "false",
    "LATEST_VERSION_CHECK": "false",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    # the backend and the webhook are on this machine, which Label Studio refuses by default
    "ML_BLOCK_LOCAL_IP": "false",
    "SSRF_PROTECTION_ENABLED": "false",
    "WEBHOOK_TIMEOUT": "10",
}


def programs() -> Path:
    """The programs of Label Studio's environment, with Playwright for the pictures."""
    return installed(f"label-studio-{VERSION}", f"label-studio=={VERSION}", "playwright>=1.49")


@dataclass(frozen=True)
class LabelStudio:
    """A running Label Studio with one user."""

    url: str
    token: str
    """The user's personal access token."""


@contextmanager
def label_studio(folder: Path) -> Iterator[LabelStudio]:
    """Start it over an empty SQLite file in ``folder``; stop it at the end."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        str(programs() / "label-studio"), "start", "--no-browser", "--data-dir", str(folder), "--host", url,
        "--internal-host", "127.0.0.1", "--port", str(port), "--username", USER, "--password", PASSWORD,
    ]  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    log = folder / "label-studio.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, env={**kept, **QUIET}, stdout=sink, stderr=sink, cwd=folder)
    try:
        _wait(url, process, log)
        yield LabelStudio(url, _personal_token(url))
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 900) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(1)
    sys.exit("Label Studio did not start:\n" + log.read_text("utf8", "replace")[-3000:])


def _personal_token(url: str) -> str:
    """Log in as a browser does, and make a token as the account page does."""
    with httpx.Client(base_url=url, follow_redirects=True, timeout=60) as client:
        page = client.get("/user/login/").text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found, "the login page has no form"
        form = {"csrfmiddlewaretoken": found[1], "email": USER, "password": PASSWORD}
        client.post("/user/login/", data=form, headers={"Referer": url}).raise_for_status()
        headers = {"X-CSRFToken": client.cookies["csrftoken"], "Referer": url}
        token: str = client.post("/api/token/", headers=headers).raise_for_status().json()["token"]
        return token
