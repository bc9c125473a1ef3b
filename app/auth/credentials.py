"""The secret in an ``Authorization`` header."""

from __future__ import annotations

import base64
import binascii


def secret_of(header: str | None) -> str | None:
    """The key that a request carries, as ``Bearer KEY`` or as the password of ``Basic``; ``None`` without one."""
    kind, _, value = (header or "").partition(" ")
    value = value.strip()
    match kind.lower():
        case "bearer":
            return value or None
        case "basic":
            return _password(value)
    return None


def _password(value: str) -> str | None:
    try:
        name_and_password = base64.b64decode(value, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None
    return name_and_password.partition(":")[2] or None
