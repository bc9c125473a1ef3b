"""Record what the real Label Studio sends, for the contract tests.

    python -m tests.integration.label_studio.record tests/contract/label_studio/recorded

Each kind of call is kept once, as it came, but for the credentials in it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
from rich.console import Console

from app.building import BuildRequest, build_bundle
from examples.label_studio_project import call, connect, create_project, import_tasks, label_studio, predict
from tests.integration.label_studio import server
from tests.support.service import NAME, running
from xite_core.demo import demo_file

LABELS = ("positive", "negative")
SECRET = "(left out)"
KEY = "a-key-that-nobody-checks"


class Recorder(BaseHTTPRequestHandler):
    """Passes calls on and keeps the first of each kind."""

    target: ClassVar[str]
    folder: ClassVar[Path]

    def do_GET(self) -> None:
        """Pass on."""
        self._pass_on(None)

    def do_POST(self) -> None:
        """Pass on."""
        self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _pass_on(self, body: bytes | None) -> None:
        sent = json.loads(body) if body else None
        answer = httpx.request(self.command, self.target + self.path, json=sent, timeout=100)
        keep(self.folder, self.command, self.path, dict(self.headers.items()), sent)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)


def keep(folder: Path, method: str, path: str, headers: dict[str, str], body: Any) -> None:
    """Write a call, unless one of its kind is there."""
    name = "_".join([path.rsplit("/", 1)[1], *([body["action"].lower()] if body and "action" in body else [])])
    target = folder / f"{name}.json"
    if target.exists():
        return
    shown = {key: value for key, value in headers.items() if key in ("Content-Type", "User-Agent", "Authorization")}
    if body and "access_token" in body:
        body["access_token"] = SECRET
    for part in (body or {}).get("project"), *(body or {}).get("tasks", ()):
        if isinstance(part, dict) and "token" in part:
            part["token"] = SECRET
    call_made = {"method": method, "path": path, "headers": shown, "body": body}
    target.write_text(json.dumps(call_made, ensure_ascii=False, indent=1) + "\n", "utf8")


@contextmanager
def recorder(target: str, folder: Path) -> Iterator[str]:
    """The address of a recorder in front of a service."""
    kind = type("Bound", (Recorder,), {"target": target, "folder": folder})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


def main(folder: Path) -> None:
    """Let a project be connected, predicted, annotated and trained, with a recorder between."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="xite-record-") as place:
        home, studio_home = Path(place, "xite"), Path(place, "studio")
        home.mkdir()
        studio_home.mkdir()
        build_bundle(BuildRequest(home=home, name=NAME, source=demo_file("reviews", "en")), Console(stderr=True))
        tasks = Path(place, "tasks.jsonl")
        lines = [demo_file("reviews", lang).read_text("utf8").splitlines()[:2] for lang in ("ur", "ko")]
        tasks.write_text("\n".join(line for part in lines for line in part), "utf8")
        with (
            server.label_studio(studio_home) as studio,
            running(home) as service,
            recorder(service.url, folder) as address,
            label_studio(studio.url, studio.token) as client,
        ):
            walk(client, address, tasks)


def walk(client: httpx.Client, address: str, tasks: Path) -> None:
    """What a project's people do."""
    project = create_project(client, "Recorded", LABELS)
    connection = connect(client, project, address, KEY, {"min_confidence": 0.6})
    import_tasks(client, project, [tasks])
    predicted = predict(client, project)
    region = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": ["positive"]}}
    made = call(client, "POST", f"/api/tasks/{predicted[0]['id']}/annotations/", {"result": [region]})
    region["value"] = {"choices": ["negative"]}
    call(client, "PATCH", f"/api/annotations/{made['id']}/", {"result": [region]})
    call(client, "POST", f"/api/tasks/{predicted[1]['id']}/annotations/", {"result": [], "was_cancelled": True})
    call(client, "DELETE", f"/api/annotations/{made['id']}/")
    client.post(f"/api/ml/{connection}/train")
    call(client, "GET", f"/api/ml/{connection}/versions")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
