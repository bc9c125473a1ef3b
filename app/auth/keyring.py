"""The keys as a serving process holds them: looked up by hash, read again when the file changes."""

from __future__ import annotations

import hmac
import ipaddress
import time

import structlog

from app.auth.keys import Key, digest, read_keys
from app.settings.service import Settings, api_keys_file
from xite_core.errors import InputError, OptionError

log = structlog.get_logger(__name__)
LOOK_SECONDS = 1.0


class Keyring:
    """Knows the valid keys and whether one is needed.

    Parameters
    ----------
    settings : Settings
        Where the file is and who can reach the service.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = api_keys_file(settings)
        self._closed = not (is_loopback(settings.host) or settings.insecure)
        self._keys: tuple[Key, ...] = ()
        self._found = False
        self._seen: tuple[int, ...] | None = None
        self._look_again = 0.0

    @property
    def required(self) -> bool:
        """Whether calls need a key: once there is a file of keys, and on any interface that others can reach."""
        self._refresh()
        return self._closed or self._found

    def identify(self, secret: str) -> Key | None:
        """The key that a secret belongs to. Every stored hash is compared, each in constant time."""
        self._refresh()
        given, found = digest(secret), None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, given):
                found = key
        return found

    def _refresh(self) -> None:
        now = time.monotonic()
        if now < self._look_again:
            return
        self._look_again = now + LOOK_SECONDS
        try:
            status = self._path.stat()
            signature = (status.st_mtime_ns, status.st_ino, status.st_size)
            if signature != self._seen:
                self._keys = read_keys(self._path)
                self._seen, self._found = signature, True
                _warn_of_readers(status.st_mode)
        except FileNotFoundError:
            # a file that was there and is gone leaves the service closed
            self._keys, self._seen = (), None
        except (OSError, InputError) as error:
            if self._seen != ():
                log.error("API keys not read; the former ones stay valid", error=type(error).__name__)
            self._seen, self._found = (), True


def check_exposure(settings: Settings) -> None:
    """Refuse to listen where others can reach the service while no key guards it.

    Raises
    ------
    OptionError
        If the address is not a loopback one, there is no key, and nobody said that this is intended.
    InputError
        If the file of keys cannot be read.
    """
    path = api_keys_file(settings)
    keys = read_keys(path) if path.exists() else ()
    if keys or settings.insecure or is_loopback(settings.host):
        return
    raise OptionError(
        "host",
        settings.host,
        "a loopback address as long as there are no API keys; make one with `xite keys add NAME --scope read`, "
        "or pass --insecure (XITE_INSECURE=true) where something else guards the service",
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _warn_of_readers(mode: int) -> None:
    if mode & 0o007:
        log.warning("the file of API keys is open to every user of this machine; chmod it to 0600")
