"""The file of API keys: names, scopes and hashes; the keys themselves are never stored."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.auth.scopes import Scope
from xite_core.errors import InputError, OptionError, StorageError
from xite_core.storage import atomic_file

PREFIX = "xite_"
"""Lets scanners for leaked secrets know a key."""

SCHEMA: Literal[1] = 1
GRANTED = (Scope.READ, Scope.WRITE, Scope.ADMIN)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Key(BaseModel):
    """What is known of a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=_NAME.pattern)
    scopes: tuple[Scope, ...]
    sha256: str = Field(pattern=r"[0-9a-f]{64}")
    created_at: datetime
    rate_limit: int | None = Field(None, ge=1, description="requests a minute, in place of the setting")


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = SCHEMA
    keys: tuple[Key, ...] = ()


def digest(key: str) -> str:
    """What is stored of a key. One plain hash does, since a key is 256 random bits and cannot be guessed offline."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def read_keys(path: Path) -> tuple[Key, ...]:
    """Read the file.

    Raises
    ------
    InputError
        If it is not a file of keys; its content is not quoted.
    OSError
        If it cannot be read.
    """
    try:
        return _Keys.model_validate_json(path.read_bytes()).keys
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path} is not a file of API keys: {where} {first['msg']}") from None


def add_key(path: Path, name: str, scopes: Sequence[Scope], rate_limit: int | None = None) -> str:
    """Make a key and store its hash.

    Returns
    -------
    str
        The key; nobody can tell it again.

    Raises
    ------
    OptionError
        If the name is not one or is taken.
    StorageError
        If the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise OptionError("name", name, "1 to 64 letters, digits, dots, dashes, underscores")
    key = PREFIX + secrets.token_urlsafe(32)
    made = Key(
        name=name,
        scopes=tuple(dict.fromkeys(scopes)),
        sha256=digest(key),
        created_at=datetime.now(UTC).replace(microsecond=0),
        rate_limit=rate_limit,
    )

    def added(keys: tuple[Key, ...]) -> tuple[Key, ...]:
        if any(key.name == name for key in keys):
            raise OptionError("name", name, "one that no other key has; revoke that one first")
        return (*keys, made)

    _change(path, added)
    return key


def revoke_key(path: Path, name: str) -> None:
    """Take a key out. The file stays, empty if need be: a service whose last key was revoked is closed, not open.

    Raises
    ------
    OptionError
        If there is no such key.
    StorageError
        If the file cannot be written.
    """

    def without(keys: tuple[Key, ...]) -> tuple[Key, ...]:
        left = tuple(key for key in keys if key.name != name)
        if len(left) == len(keys):
            raise OptionError("name", name, "one of " + (", ".join(key.name for key in keys) or "(there are no keys)"))
        return left

    _change(path, without)


def _change(path: Path, change: Callable[[tuple[Key, ...]], tuple[Key, ...]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(path, error.strerror or str(error)) from error
    with FileLock(path.with_name(f".{path.name}.lock"), mode=0o600):
        keys = change(read_keys(path) if path.exists() else ())
        with atomic_file(path) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf8") as handle:
                handle.write(_Keys(keys=keys).model_dump_json(indent=1) + "\n")
