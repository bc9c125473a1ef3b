"""Make a Label Studio project whose tasks are predicted by XITE.

    LABEL_STUDIO_TOKEN=... XITE_API_KEY=... python examples/label_studio_project.py \
        --label-studio http://localhost:8080 --xite http://localhost:8000 korean.jsonl urdu.jsonl

The token is a personal access token (Account & Settings); the key is needed where the service requires one. Files hold
one JSON object a line with "text" and, where it is known, "lang".
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import httpx


class PersonalToken(httpx.Auth):
    """A personal access token: it buys tokens for some minutes, with which the calls are made.

    Parameters
    ----------
    url : str
        Label Studio's address.
    token : str
        The personal access token.
    """

    requires_response_body = True

    def __init__(self, url: str, token: str) -> None:
        self._refresh = httpx.Request("POST", f"{url}/api/token/refresh", json={"refresh": token})
        self._access = "none yet"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send with the present token; where that is not valid any more, buy another and send again."""
        request.headers["Authorization"] = f"Bearer {self._access}"
        answer = yield request
        if answer.status_code == 401:
            bought = yield self._refresh
            self._access = bought.raise_for_status().json()["access"]
            request.headers["Authorization"] = f"Bearer {self._access}"
            yield request


def label_studio(url: str, token: str) -> httpx.Client:
    """A client of Label Studio's API."""
    return httpx.Client(base_url=url, auth=PersonalToken(url, token), timeout=120)


def call(client: httpx.Client, method: str, path: str, body: Any = None) -> Any:
    """Send JSON, give JSON; an error says what Label Studio said."""
    answer = client.request(method, path, json=body)
    if answer.is_error:
        sys.exit(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
    return answer.json() if answer.content else None


def configuration(labels: Sequence[str]) -> str:
    """A labeling configuration that asks for one of some labels of a text."""
    choices = "".join(f'<Choice value="{label}"/>' for label in labels)
    return (
        f'<View><Text name="text" value="$text"/><Choices name="label" toName="text" choice="single">{choices}'
        "</Choices></View>"
    )


def create_project(client: httpx.Client, title: str, labels: Sequence[str]) -> int:
    """A new project: predictions are shown to annotators, who get the least certain tasks first."""
    body = {
        "title": title,
        "label_config": configuration(labels),
        "show_collab_predictions": True,
        "sampling": "Uncertainty sampling",
    }
    return int(call(client, "POST", "/api/projects/", body)["id"])


def connect(client: httpx.Client, project: int, xite: str, key: str | None, options: dict[str, Any]) -> int:
    """Connect the service as the project's machine learning backend; give the number of the connection.

    The key goes in as the password of Basic authentication. The webhook that Label Studio makes beside the connection
    does not send it, so it is given as a header there.
    """
    body: dict[str, Any] = {"project": project, "url": f"{xite}/label-studio", "title": "XITE", "extra_params": options}
    if key:
        body |= {"auth_method": "BASIC_AUTH", "basic_auth_user": "xite", "basic_auth_pass": key}
    connection = int(call(client, "POST", "/api/ml/", body)["id"])
    if key:
        for hook in call(client, "GET", f"/api/webhooks/?project={project}"):
            headers = {"headers": {"Authorization": f"Bearer {key}"}}
            call(client, "PATCH", f"/api/webhooks/{hook['id']}/", headers)
    return connection


def import_tasks(client: httpx.Client, project: int, files: Sequence[Path]) -> int:
    """Import the texts of some files; labels that they may hold are left out."""
    rows = [json.loads(line) for file in files for line in file.read_text("utf8").splitlines() if line.strip()]
    tasks = [{name: row[name] for name in ("text", "lang", "id") if name in row} for row in rows]
    return int(call(client, "POST", f"/api/projects/{project}/import", tasks)["task_count"])


def predict(client: httpx.Client, project: int) -> list[dict[str, Any]]:
    """Have all tasks predicted; give the tasks, the least certain first.

    Label Studio sorts by the scores of the version that the project names, and a new connection makes it name the
    connection's title, which no prediction has: it is set to the version of the predictions here.
    """
    everything = {"selectedItems": {"all": True, "excluded": []}}
    call(client, "POST", f"/api/dm/actions?id=retrieve_tasks_predictions&project={project}", everything)
    (connection,) = call(client, "GET", f"/api/ml/?project={project}")
    call(client, "PATCH", f"/api/projects/{project}/", {"model_version": connection["model_version"]})
    tasks: list[dict[str, Any]] = call(client, "GET", f"/api/tasks?project={project}&page_size=1000&fields=all")[
        "tasks"
    ]
    return sorted(tasks, key=lambda task: task["predictions"][-1]["score"] if task["predictions"] else -1.0)


def show_least_certain_first(client: httpx.Client, project: int) -> int:
    """A tab of the project's page with predictions and their scores, the least certain first; give its number."""
    shown = ("id", "data", "data.text", "data.lang", "predictions_results", "predictions_score", "total_annotations")
    columns = call(client, "GET", f"/api/dm/columns?project={project}")["columns"]
    names = [f"{column['parent']}.{column['id']}" if column.get("parent") else column["id"] for column in columns]
    hidden = [f"tasks:{name}" for name in names if name not in shown]
    data = {
        "title": "Least certain first",
        "type": "list",
        "ordering": ["tasks:predictions_score"],
        "hiddenColumns": {"explore": hidden, "labeling": hidden},
        "columnsWidth": {"tasks:data.text": 420, "tasks:predictions_results": 330},
    }
    return int(call(client, "POST", "/api/dm/views", {"project": project, "data": data})["id"])


def label_of(task: dict[str, Any]) -> str | None:
    """The label that was predicted for a task; ``None`` where the service abstained."""
    result = task["predictions"][-1]["result"] if task["predictions"] else []
    return result[0]["value"]["choices"][0] if result else None


def main() -> None:
    """Make the project and print its least certain tasks."""
    parser = argparse.ArgumentParser(description="Make a Label Studio project whose tasks are predicted by XITE.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--label-studio", default="http://localhost:8080")
    parser.add_argument("--xite", default="http://localhost:8000")
    parser.add_argument("--title", default="Reviews, pre-annotated")
    parser.add_argument("--labels", nargs="+", default=["positive", "negative"])
    parser.add_argument("--min-confidence", type=float, default=0.7)
    given = parser.parse_args()
    with label_studio(given.label_studio, os.environ["LABEL_STUDIO_TOKEN"]) as client:
        project = create_project(client, given.title, given.labels)
        count = import_tasks(client, project, given.files)
        options = {"min_confidence": given.min_confidence}
        connection = connect(client, project, given.xite, os.environ.get("XITE_API_KEY"), options)
        tasks = predict(client, project)
        show_least_certain_first(client, project)
    print(json.dumps({"project": project, "connection": connection, "tasks": count}))
    for task in tasks[:5]:
        print(f"{task['predictions'][-1]['score']:.2f}  {label_of(task) or '(abstained)':<12} {task['data']['text']}")


if __name__ == "__main__":
    main()
