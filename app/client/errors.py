"""What the client raises.

ClientError
├── ApiError                 the service refused; status, problem and fields are kept
├── ConnectionFailedError    the service cannot be reached
└── DamagedError             a file did not arrive as it was sent
"""

from __future__ import annotations

from typing import Any

import httpx


class ClientError(Exception):
    """Base of the client's errors."""


class ConnectionFailedError(ClientError):
    """The service cannot be reached."""


class DamagedError(ClientError):
    """A file did not arrive as it was sent."""


class ApiError(ClientError):
    """The service refused a request.

    Parameters
    ----------
    response : httpx.Response
        Its answer.
    """

    def __init__(self, response: httpx.Response) -> None:
        body = _body(response)
        self.status = response.status_code
        self.kind = str(body.get("type", "")).rpartition(":")[2]
        """The problem's type, such as ``invalid-option``."""
        self.errors: list[dict[str, Any]] = body.get("errors") or []
        """What is wrong, field by field."""
        self.request_id = response.headers.get("X-Request-ID")
        detail = body.get("detail") or response.reason_phrase
        super().__init__(f"{self.status}: {detail} (request {self.request_id})")


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
