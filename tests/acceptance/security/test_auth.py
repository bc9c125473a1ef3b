"""Keys, scopes and foreign pages, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.auth.keys import add_key, revoke_key
from app.auth.scopes import Scope
from app.client import ApiError, Client
from tests.support.command import Command
from tests.support.service import NAME, Service, build, running, source, wait_for

KEYS = {"reader": [Scope.READ], "writer": [Scope.WRITE], "admin": [Scope.ADMIN]}
MATCH = {"inputs": ["good film"]}


class Guarded:
    """A service with keys and what the keys are."""

    def __init__(self, service: Service, keys: dict[str, str]) -> None:
        self.service, self.keys = service, keys
        self.file = service.home / "api-keys.json"

    def call(self, method: str, path: str, key: str | None = None, **sent: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.keys.get(key, key)}"} if key else {}
        return httpx.request(method, self.service.url + path, headers=headers, timeout=60, **sent)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    home: Path = tmp_path_factory.mktemp("guarded")
    build(home, NAME, source(marker="a"), "one")
    build(home, NAME, source(marker="b"), "two")
    keys = {name: add_key(home / "api-keys.json", name, scopes) for name, scopes in KEYS.items()}
    with running(home, host="0.0.0.0") as service:
        yield Guarded(service, keys)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home: Path = tmp_path_factory.mktemp("local")
    build(home, NAME, source(), "one")
    with running(home) as service:
        yield service


def test_without_a_key_only_probes_answer(guarded: Guarded) -> None:
    assert guarded.call("GET", "/health/live").status_code == 200
    assert guarded.call("GET", "/health/ready").status_code == 200
    for method, path in (("GET", "/info"), ("POST", "/match"), ("GET", "/docs"), ("GET", "/nothing"), ("GET", "/")):
        answer = guarded.call(method, path)
        assert answer.status_code == 401
        assert answer.json()["type"] == "urn:xite:problem:unauthenticated"
        assert "Bearer" in answer.headers["www-authenticate"]
        assert "Basic" in answer.headers["www-authenticate"]


def test_a_call_without_a_key_is_refused_before_its_body_is_read(guarded: Guarded) -> None:
    assert guarded.call("POST", "/match", content=b"{").status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "good"),
    [
        ("GET", "/info", None, "reader"),
        ("GET", "/docs", None, "reader"),
        ("POST", "/match", MATCH, "reader"),
        ("GET", "/v1/models", None, "reader"),
        ("POST", f"/bundles/{NAME}/activate", {"revision": "one"}, "admin"),
    ],
)
def test_scopes(guarded: Guarded, method: str, path: str, body: object, good: str) -> None:
    for key in guarded.keys:
        answer = guarded.call(method, path, key, json=body)
        assert answer.status_code == (200 if key == good else 403), answer.text
    assert guarded.call(method, path, "xite_wrong", json=body).status_code == 401


def test_the_key_as_password(guarded: Guarded) -> None:
    url = guarded.service.url + "/info"
    assert httpx.get(url, auth=("anyone", guarded.keys["reader"])).status_code == 200
    assert httpx.get(url, auth=(guarded.keys["reader"], "")).status_code == 401


def test_v1_refuses_in_the_shape_of_openai(guarded: Guarded) -> None:
    openai = pytest.importorskip("openai")

    def models(key: str) -> object:
        with openai.OpenAI(base_url=guarded.service.url + "/v1", api_key=key, max_retries=0) as client:
            return client.models.list().data

    with pytest.raises(openai.AuthenticationError):
        models("none")
    with pytest.raises(openai.PermissionDeniedError):
        models(guarded.keys["writer"])
    assert models(guarded.keys["reader"])


def test_unknown_routes_and_methods_are_told_to_those_with_a_key(guarded: Guarded) -> None:
    assert guarded.call("GET", "/nothing", "reader").status_code == 404
    assert guarded.call("GET", "/augment", "reader").status_code == 405


def test_keys_come_and_go_while_it_runs(guarded: Guarded) -> None:
    key = add_key(guarded.file, "late", [Scope.READ])
    wait_for_status(guarded, key, 200)
    revoke_key(guarded.file, "late")
    wait_for_status(guarded, key, 401)


def wait_for_status(guarded: Guarded, key: str, status: int) -> None:
    auth = {"Authorization": f"Bearer {key}"}
    wait_for(guarded.service, "/info", status, 10, headers=auth)


def test_logs_know_the_name_and_never_the_key(guarded: Guarded) -> None:
    guarded.call("GET", "/info", "reader")
    guarded.call("GET", "/info", "xite_wrong-secret")
    log = guarded.service.log.read_text("utf8")
    assert '"key":"reader"' in log
    assert "wrong-secret" not in log
    assert not any(key in log for key in guarded.keys.values())


def test_the_client_sends_its_key(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    with Client(guarded.service.url, api_key=guarded.keys["reader"]) as client:
        assert client.match(["good film"]).data[0].label == "positive"
    monkeypatch.setenv("XITE_API_KEY", guarded.keys["reader"])
    with Client(guarded.service.url) as client:
        client.info()
    monkeypatch.delenv("XITE_API_KEY")
    with Client(guarded.service.url) as client, pytest.raises(ApiError, match="401"):
        client.info()


def test_serve_refuses_another_interface_without_keys(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "folder").mkdir()
    xite = Command(tmp_path / "home", tmp_path / "folder")
    said = xite.refuse("serve", "--host", "0.0.0.0", "--port", "0")
    assert "xite keys add" in said
    assert "--insecure" in said


def test_keys_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "folder").mkdir()
    xite = Command(tmp_path / "home", tmp_path / "folder")
    key = xite.succeed("keys", "add", "ops", "--scope", "admin", "--scope", "read", "--rate", "5").strip()
    assert key.startswith("xite_")
    listed = xite.succeed("keys", "list")
    assert "ops" in listed
    assert "admin read" in listed
    assert key not in listed
    assert "read, write or admin" in xite.refuse("keys", "add", "other", "--scope", "root")
    xite.succeed("keys", "revoke", "ops")
    assert "ops" not in xite.succeed("keys", "list")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_foreign_pages_cannot_change_anything(local: Service, headers: dict[str, str], status: int) -> None:
    url = f"{local.url}/bundles/{NAME}/activate"
    assert httpx.post(url, json={"revision": "one"}, headers=headers, timeout=60).status_code == status


def test_a_name_that_was_made_to_point_here_is_refused(local: Service) -> None:
    answer = httpx.get(local.url + "/info", headers={"Host": "evil.example:8000"})
    assert answer.status_code == 421
    assert answer.json()["type"] == "urn:xite:problem:unknown-host"
    for host in ("localhost:1", "127.0.0.1", "[::1]:80"):
        assert httpx.get(local.url + "/info", headers={"Host": host}).status_code == 200
