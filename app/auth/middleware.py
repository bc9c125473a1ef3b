"""Decides about each call before anything of its body is read."""

from __future__ import annotations

import structlog
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.credentials import secret_of
from app.auth.keyring import Keyring, is_loopback
from app.auth.keys import Key
from app.auth.origins import is_cross_site, is_own_host
from app.auth.rates import RateLimiter
from app.auth.scopes import Scope as KeyScope
from app.auth.scopes import scope_of
from app.errors import CrossSiteError, ForbiddenError, ServiceError, UnauthenticatedError, UnknownHostError
from app.problems import Respond
from app.settings.service import Settings


class AuthMiddleware:
    """Lets through who may call; everybody else gets 401, 403, 421 or 429.

    Parameters
    ----------
    app : ASGIApp
        What is guarded.
    settings : Settings
        Where keys and Redis are.
    respond : callable
        Renders the refusal.
    """

    def __init__(self, app: ASGIApp, settings: Settings, respond: Respond) -> None:
        self.app, self.respond = app, respond
        self.keyring = Keyring(settings)
        self.rates = RateLimiter(settings.redis_url)
        self.rate_limit = settings.rate_limit
        self.local_only = is_loopback(settings.host) and not settings.insecure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self._admit(scope)
        except ServiceError as error:
            await self.respond(error, scope)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _admit(self, scope: Scope) -> None:
        headers, method = Headers(scope=scope), str(scope["method"])
        needed = scope_of(method, scope["path"].removeprefix(scope.get("root_path", "")))
        if needed is KeyScope.NONE:
            return
        if is_cross_site(method, headers):
            raise CrossSiteError
        if not self.keyring.required:
            if self.local_only and not is_own_host(headers):
                raise UnknownHostError(headers["host"])
            return
        key = self._key(headers)
        structlog.contextvars.bind_contextvars(key=key.name)
        self._check_scope(key, needed, scope)
        scope.setdefault("state", {})["may_activate"] = KeyScope.ADMIN in key.scopes
        await self.rates.take(key.name, key.rate_limit or self.rate_limit)

    def _key(self, headers: Headers) -> Key:
        secret = secret_of(headers.get("authorization"))
        key = self.keyring.identify(secret) if secret else None
        if key is None:
            raise UnauthenticatedError(given=secret is not None)
        return key

    @staticmethod
    def _check_scope(key: Key, needed: KeyScope | None, scope: Scope) -> None:
        if needed is None:
            # routes that do not exist are left to the router, which says so
            if any(route.matches(scope)[0] is Match.FULL for route in scope["app"].routes):
                raise ForbiddenError("no key is good for this call")
        elif needed not in key.scopes:
            raise ForbiddenError(f"this call needs the scope {needed}; the key has {', '.join(key.scopes) or 'none'}")
