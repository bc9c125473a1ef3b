"""The default bundle where no setting names one: the only one there is, remembered for when others come beside it."""

from __future__ import annotations

import json
from pathlib import Path

import structlog

from xite_core.bundle.store import BundleStore
from xite_core.errors import StorageError
from xite_core.storage import atomic_file

log = structlog.get_logger(__name__)
FILE = "default-bundle.json"


def default_name(home: Path) -> str:
    """The only bundle's name, or the one that was the only one before; one that was deleted since does not count.

    Parameters
    ----------
    home : Path
        The data directory.

    Raises
    ------
    BundleNotFoundError
        If there is none, or several and none of them is remembered.
    """
    store, remembered = BundleStore(home), _read(home / FILE)
    if remembered in store.names():
        return remembered
    name = store.only_name()
    _write(home / FILE, name)
    return name


def _read(path: Path) -> str:
    try:
        return str(json.loads(path.read_text("utf8"))["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _write(path: Path, name: str) -> None:
    try:
        with atomic_file(path) as file:
            file.write_text(json.dumps({"name": name}), "utf8")
    except StorageError as error:  # a full disk; the bundle is served all the same
        log.warning("default bundle not remembered", bundle=name, reason=str(error))
