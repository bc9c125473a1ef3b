"""Web pages of others must not call the service through the browser of someone who can reach it."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from app.auth.keyring import is_loopback
from app.auth.scopes import SAFE_METHODS


def is_cross_site(method: str, headers: Headers) -> bool:
    """Whether a page of another origin sends a changing call; browsers say so, other clients do not.

    The rule is that of Go's ``http.CrossOriginProtection``: ``Sec-Fetch-Site`` where there is one, else ``Origin``
    against ``Host``.
    """
    if method in SAFE_METHODS:
        return False
    fetch_site = headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host", "")


def is_own_host(headers: Headers) -> bool:
    """Whether the call names this machine; a foreign name means that a page had its own name resolved to it."""
    host = headers.get("host", "")
    name = host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return not host or is_loopback(name)
