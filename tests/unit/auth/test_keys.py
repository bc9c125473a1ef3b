from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from app.auth.credentials import secret_of
from app.auth.keyring import Keyring, check_exposure, is_loopback
from app.auth.keys import PREFIX, add_key, digest, read_keys, revoke_key
from app.auth.scopes import Scope
from app.settings.service import Settings
from xite_core.errors import InputError, OptionError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "api-keys.json"


def ring(home: Path, **settings: object) -> Keyring:
    return Keyring(Settings(home=home, **settings))


def test_only_the_hash_is_stored_in_a_file_of_the_owner(path: Path) -> None:
    key = add_key(path, "ci", [Scope.READ, Scope.READ, Scope.WRITE], 60)
    assert key.startswith(PREFIX)
    assert len(key) > 40
    assert key not in path.read_text("utf8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (stored,) = read_keys(path)
    assert (stored.name, stored.scopes, stored.rate_limit) == ("ci", (Scope.READ, Scope.WRITE), 60)
    assert stored.sha256 == digest(key)


def test_names_are_unique_and_plain(path: Path) -> None:
    add_key(path, "ci", [Scope.READ])
    for name in ("ci", "", "a b", "../x", "x" * 65, "a\nb"):
        with pytest.raises(OptionError):
            add_key(path, name, [Scope.READ])
    with pytest.raises(OptionError, match="one of ci"):
        revoke_key(path, "other")


def test_keys_added_at_once_are_all_there(path: Path) -> None:
    threads = [threading.Thread(target=add_key, args=(path, f"key-{i}", [Scope.READ])) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_keys(path)) == 8


def test_a_damaged_file_is_not_quoted(path: Path) -> None:
    path.write_text('{"schema_version": 1, "keys": [{"name": "x", "secret": "hunter2"}]}')
    with pytest.raises(InputError) as refused:
        read_keys(path)
    assert "hunter2" not in str(refused.value)


def test_the_ring_finds_keys_and_follows_the_file(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.keyring.LOOK_SECONDS", 0.0)
    keyring = ring(tmp_path)
    assert not keyring.required
    first, second = (add_key(path, name, [Scope.READ]) for name in ("one", "two"))
    assert keyring.required
    found = keyring.identify(second)
    assert found is not None
    assert found.name == "two"
    assert keyring.identify(first + "x") is None
    revoke_key(path, "two")
    assert keyring.identify(second) is None
    revoke_key(path, "one")
    assert keyring.required, "a service whose last key was revoked must not become an open one"
    path.unlink()
    assert keyring.required
    assert keyring.identify(first) is None


def test_a_damaged_file_leaves_the_former_keys(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.keyring.LOOK_SECONDS", 0.0)
    key, keyring = add_key(path, "one", [Scope.READ]), ring(tmp_path)
    assert keyring.identify(key) is not None
    content = path.read_bytes()
    path.write_bytes(content[:20])
    assert keyring.identify(key) is not None
    path.write_bytes(content.replace(b"one", b"two"))
    found = keyring.identify(key)
    assert found is not None
    assert found.name == "two"


def test_a_file_that_was_never_readable_closes_the_service(tmp_path: Path, path: Path) -> None:
    path.write_text("{")
    keyring = ring(tmp_path)
    assert keyring.required
    assert keyring.identify("x") is None


def test_other_interfaces_need_keys_unless_told_so(tmp_path: Path, path: Path) -> None:
    check_exposure(Settings(home=tmp_path, host="127.0.0.1"))
    check_exposure(Settings(home=tmp_path, host="0.0.0.0", insecure=True))
    with pytest.raises(OptionError, match="xite keys add"):
        check_exposure(Settings(home=tmp_path, host="0.0.0.0"))
    add_key(path, "one", [Scope.READ])
    check_exposure(Settings(home=tmp_path, host="0.0.0.0"))
    revoke_key(path, "one")
    with pytest.raises(OptionError):
        check_exposure(Settings(home=tmp_path, host="0.0.0.0"))
    assert ring(tmp_path, host="0.0.0.0").required


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("[::1]", True), ("localhost", True), ("LocalHost", True),
     ("0.0.0.0", False), ("::", False), ("", False), ("192.168.0.4", False), ("localhost.evil.com", False)],
)  # fmt: skip
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("header", "secret"),
    [(None, None), ("", None), ("Bearer", None), ("Bearer ", None), ("Bearer abc", "abc"), ("bearer  abc ", "abc"),
     ("Basic eDphYmM=", "abc"), ("Basic OmFiYzpk", "abc:d"), ("Basic eDo=", None), ("Basic ###", None),
     ("Basic eA==", None), ("Digest abc", None), ("abc", None), ("Basic é", None)],
)  # fmt: skip
def test_credentials(header: str | None, secret: str | None) -> None:
    assert secret_of(header) == secret
