"""Label Studio and XITE together, both real: ``make label-studio-check``.

A project is made by Label Studio's API and connected to a service that requires keys; 50 Urdu and Korean tasks are
imported, predicted and looked at; annotations are submitted; a training is started and waited for. Pictures of the
pages go into the folder that is given, where Chromium is installed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from app.building import BuildRequest, build_bundle
from examples.label_studio_project import (
    call,
    connect,
    create_project,
    import_tasks,
    label_of,
    label_studio,
    predict,
    show_least_certain_first,
)
from tests.integration.label_studio import server
from tests.support.command import Command
from tests.support.service import NAME, Service, running
from xite_core.demo import demo_file

LABELS = ("positive", "negative")
LANGUAGES = ("ur", "ko")
TASKS = 25
"""Of each language."""

ANNOTATED = 12
MIN_CONFIDENCE = 0.7
"""High enough for some of the demonstration's texts to be abstained."""

PICTURES = Path(__file__).with_name("pictures.py")


def main(pictures: Path | None) -> None:
    """Start both, walk through, say what was seen."""
    with tempfile.TemporaryDirectory(prefix="xite-label-studio-") as place:
        folder = Path(place)
        home, studio_home = folder / "xite", folder / "studio"
        home.mkdir()
        studio_home.mkdir()
        build_bundle(BuildRequest(home=home, name=NAME, source=demo_file("reviews", "en")), Console(stderr=True))
        add_key = ("keys", "add", "label-studio", "--scope", "read", "--scope", "write")
        key = Command(home, folder).succeed(*add_key).strip()
        with server.label_studio(studio_home) as studio, running(home, job_workers=1) as service:
            say(f"Label Studio {server.VERSION} at {studio.url}, XITE at {service.url}")
            with label_studio(studio.url, studio.token) as client:
                Walk(client, service, key, folder, studio.url, pictures).run()
    say("all well")


class Walk:
    """The steps, in the order of a working day.

    Parameters
    ----------
    client : httpx.Client
        Of Label Studio's API.
    service : Service
        XITE.
    key : str
        Its API key.
    folder : Path
        For files.
    url : str
        Label Studio's address.
    pictures : Path, optional
        Where pictures go.
    """

    def __init__(
        self, client: httpx.Client, service: Service, key: str, folder: Path, url: str, pictures: Path | None
    ) -> None:
        self.client, self.service, self.key, self.folder = client, service, key, folder
        self.url, self.pictures = url, pictures

    def run(self) -> None:
        """All steps."""
        self._refuses_a_wrong_key()
        project = create_project(self.client, "Reviews in Urdu and Korean", LABELS)
        connection = connect(self.client, project, self.service.url, self.key, {"min_confidence": MIN_CONFIDENCE})
        check(
            import_tasks(self.client, project, demo_tasks(self.folder)) == TASKS * len(LANGUAGES), "50 tasks imported"
        )
        tasks = self._predicts(project)
        tab = show_least_certain_first(self.client, project)
        shown = call(self.client, "GET", f"/api/tasks?view={tab}&page_size=100&fields=all")["tasks"]
        scores = [task["predictions_score"] for task in shown]
        check(None not in scores and scores == sorted(scores), "so they do on its page")
        first = call(self.client, "GET", f"/api/projects/{project}/next")
        check(label_of(first) is None, "an annotator gets an abstained task first")
        if self.pictures:
            self._take_pictures(project, tab, tasks[-1]["id"])
        self._annotates(tasks)
        self._trains(project, connection)

    def _refuses_a_wrong_key(self) -> None:
        project = create_project(self.client, "Wrong key", LABELS)
        body = {
            "project": project,
            "url": f"{self.service.url}/label-studio",
            "auth_method": "BASIC_AUTH",
            "basic_auth_user": "xite",
            "basic_auth_pass": "wrong",
        }
        answer = self.client.post("/api/ml/", json=body)
        check(answer.status_code == 400 and "authentication" in answer.text, "a wrong key is told as such")

    def _predicts(self, project: int) -> list[dict[str, Any]]:
        started = time.monotonic()
        tasks = predict(self.client, project)
        say(f"{len(tasks)} tasks predicted in {time.monotonic() - started:.1f} s")
        predictions = [task["predictions"] for task in tasks]
        check(all(len(each) == 1 for each in predictions), "one prediction a task")
        revision = self.service.store.resolve(NAME).name
        check({each[0]["model_version"] for each in predictions} == {revision}, "the version is the bundle's revision")
        labels = Counter(label_of(task) or "(abstained)" for task in tasks)
        say(f"labels: {dict(labels)}")
        empty = [label_of(task) is None for task in tasks]
        check(any(empty) and not all(empty), "some are abstained")
        check(empty == sorted(empty, reverse=True), "sorted by score, the abstained come first")
        return tasks

    def _annotates(self, tasks: Sequence[dict[str, Any]]) -> None:
        for number, task in enumerate(tasks[:ANNOTATED]):
            choice = {"choices": [LABELS[number % 2]]}
            region = {"from_name": "label", "to_name": "text", "type": "choices", "value": choice}
            call(self.client, "POST", f"/api/tasks/{task['id']}/annotations/", {"result": [region]})
        check("ANNOTATION_CREATED" not in self.service.log.read_text("utf8"), "no content of an event is logged")

    def _trains(self, project: int, connection: int) -> None:
        call(self.client, "POST", f"/api/ml/{connection}/train")
        call(self.client, "POST", f"/api/ml/{connection}/train")
        with httpx.Client(
            base_url=self.service.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=60
        ) as xite:
            jobs = xite.get("/jobs").raise_for_status().json()["data"]
            check(len(jobs) == 1, "two demands start one training")
            check(jobs[0]["metadata"]["label_studio_project"].startswith(f"{project}."), "it is the project's")
            job = wait_for_job(xite, jobs[0]["id"])
            check(
                job["status"] == "succeeded", f"the training of job {job['id']} ended: {job['error'] or job['result']}"
            )
            versions = call(self.client, "GET", f"/api/ml/{connection}/versions")["versions"]
            check(job["result"]["revision"] in versions, "its revision is listed as a version")

    def _take_pictures(self, project: int, tab: int, task: int) -> None:
        assert self.pictures
        python = server.programs() / "python"
        arguments = (self.url, server.USER, server.PASSWORD, str(project), str(tab), str(task), str(self.pictures))
        if subprocess.run([python, PICTURES, *arguments], check=False).returncode:
            say("no pictures were made")


def demo_tasks(folder: Path) -> list[Path]:
    """The first demonstration reviews of each language, as files."""
    files = []
    for language in LANGUAGES:
        lines = demo_file("reviews", language).read_text("utf8").splitlines(keepends=True)
        files.append(folder / f"{language}.jsonl")
        files[-1].write_text("".join(lines[:TASKS]), "utf8")
    return files


def wait_for_job(xite: httpx.Client, job: str, seconds: float = 600) -> dict[str, Any]:
    """The job when it has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found: dict[str, Any] = xite.get(f"/jobs/{job}").raise_for_status().json()
        if found["is_terminal"]:
            return found
        time.sleep(1)
    sys.exit(f"job {job} did not end within {seconds:g} s")


def say(words: str) -> None:
    """Tell how far it is."""
    print(words, flush=True)


def check(holds: bool, words: str) -> None:
    """Tell what holds; end where it does not."""
    if not holds:
        sys.exit(f"NOT: {words}")
    say(f"ok: {words}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None)
