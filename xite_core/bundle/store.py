"""Bundles under one directory: publish, activate, roll back, list, delete.

Layout: ``HOME/bundles/NAME/REVISION/`` for the immutable revisions and ``HOME/bundles/NAME/active.json`` for the one
mutable fact, which revision is active and which were before.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from filelock import FileLock

from xite_core.bundle.manifest import MANIFEST
from xite_core.bundle.verify import stamp_path
from xite_core.errors import BundleDamagedError, BundleError, BundleNotFoundError, BundleUnnamedError, OptionError
from xite_core.storage import atomic_directory, atomic_file, storage_errors

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ACTIVE = "active.json"
_LOCK = ".lock"
_GRAVE = ".deleted-"


Check = Callable[["BundleStore", Path], None]


@dataclass(frozen=True, slots=True)
class Activation:
    """The active revision of a name and the ones that were active before it, oldest first."""

    revision: str
    history: tuple[str, ...] = field(default=())


def check_name(name: str, what: str = "bundle") -> str:
    """Give the name back if it is safe as a path component.

    Raises
    ------
    OptionError
        Otherwise.
    """
    if not _NAME.fullmatch(name):
        raise OptionError(what, name, "1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit")
    return name


def _revision(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a revision")
    return value


class BundleStore:
    """The bundles of a data directory.

    Parameters
    ----------
    home : Path
        The data directory (``XITE_HOME``).
    """

    def __init__(self, home: Path) -> None:
        self.root = home / "bundles"

    def directory(self, name: str, revision: str) -> Path:
        """Where a revision is or would be."""
        return self.root / check_name(name) / check_name(revision, "revision")

    def names(self) -> list[str]:
        """Names with at least one revision."""
        if not self.root.is_dir():
            return []
        return sorted(
            path.name for path in self.root.iterdir() if _NAME.fullmatch(path.name) and self.revisions(path.name)
        )

    def revisions(self, name: str) -> list[str]:
        """Published revisions of a name, oldest first."""
        folder = self.root / check_name(name)
        if not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if (path / MANIFEST).is_file() and path.name[0] != ".")

    def activation(self, name: str) -> Activation | None:
        """What is active under a name.

        Raises
        ------
        BundleDamagedError
            If the pointer file cannot be read.
        """
        path = self.root / check_name(name) / _ACTIVE
        try:
            values = json.loads(path.read_text("utf8"))
            return Activation(_revision(values["revision"]), tuple(map(_revision, values["history"])))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleDamagedError(
                f"{path}: cannot be read ({error}); activate a revision to write it anew"
            ) from error

    def resolve(self, name: str, revision: str | None = None) -> Path:
        """Directory of a revision; of the active one, else of the newest, where none is given.

        Raises
        ------
        BundleNotFoundError
            If there is none; the message lists what there is.
        """
        if revision is None:
            active = self.activation(name)
            revision = active.revision if active else next(iter(self.revisions(name)[::-1]), None)
        if revision is None:
            raise self._no_bundle(name)
        directory = self.directory(name, revision)
        if not (directory / MANIFEST).is_file():
            known = ", ".join(self.revisions(name)) or "none"
            raise BundleNotFoundError(f"bundle {name!r} has no revision {revision!r}; there are: {known}")
        return directory

    def newest(self, name: str) -> Path:
        """Directory of the newest revision, whatever is active.

        Raises
        ------
        BundleNotFoundError
            If there is none.
        """
        revisions = self.revisions(name)
        if not revisions:
            raise self._no_bundle(name)
        return self.directory(name, revisions[-1])

    def only_name(self) -> str:
        """The single bundle's name.

        Raises
        ------
        BundleUnnamedError
            If there are none or several.
        """
        names = self.names()
        if len(names) != 1:
            found = "no bundle" if not names else "several bundles (" + ", ".join(names) + ")"
            raise BundleUnnamedError(f"{found} in {self.root}; name one, or build one with 'xite build'")
        return names[0]

    @contextmanager
    def publishing(self, name: str, revision: str, check: Check | None = None) -> Iterator[Path]:
        """Give a directory to fill; it becomes the revision, whole, when the block ends well.

        Which revision is active does not change by that: where no pointer says so yet, one is written for the present.

        Parameters
        ----------
        name, revision : str
            What it is to be called.
        check : callable, optional
            A last look at the filled directory; nobody else publishes under this name between it and the publication.

        Raises
        ------
        AlreadyExistsError
            If there is such a revision; it is never replaced.
        StorageError
            If the disk refuses; nothing is published then.
        """
        final = self.directory(name, revision)
        with storage_errors(final):
            final.parent.mkdir(parents=True, exist_ok=True)
        with atomic_directory(final, partial(self._last_look, name, check)) as directory:
            yield directory

    def activate(self, name: str, revision: str) -> Activation:
        """Make a revision the active one.

        Raises
        ------
        BundleNotFoundError
            If there is no such revision.
        """
        self.resolve(name, revision)
        with FileLock(self.root / name / _LOCK):
            self.resolve(name, revision)  # again: it may have been deleted meanwhile
            present = self._activation_or_none(name)
            if present and present.revision == revision:
                return present
            history = (*present.history, present.revision) if present else ()
            return self._point(name, Activation(revision, history))

    def rollback(self, name: str) -> Activation:
        """Return to the revision that was active before and still exists.

        Raises
        ------
        BundleNotFoundError
            If there is no such bundle.
        BundleError
            If there is no earlier revision.
        """
        self.previous(name)
        with FileLock(self.root / name / _LOCK):
            *history, revision = self._earlier(name)
            return self._point(name, Activation(revision, tuple(history)))

    def previous(self, name: str) -> str:
        """The revision that `rollback` would return to.

        Raises
        ------
        BundleNotFoundError
            If there is no such bundle.
        BundleError
            If there is no earlier revision.
        """
        if not self.revisions(name):
            raise self._no_bundle(name)
        return self._earlier(name)[-1]

    def delete(self, name: str, revision: str) -> None:
        """Remove a revision that is not active, or the last one of a name that has no pointer.

        Raises
        ------
        BundleNotFoundError
            If there is no such revision.
        BundleError
            If it is active.
        """
        self.resolve(name, revision)
        with FileLock(self.root / name / _LOCK):
            directory = self.resolve(name, revision)  # again: it may have been deleted meanwhile
            if self._is_active(name, revision):
                raise BundleError(f"revision {revision!r} of {name!r} is active; activate another one first")
            grave = directory.parent / f"{_GRAVE}{revision}-{secrets.token_hex(4)}"
            with storage_errors(directory, every=True):
                directory.rename(grave)
                stamp_path(directory).unlink(missing_ok=True)
                shutil.rmtree(grave)

    def sweep(self, before: float) -> None:
        """Remove what processes that were killed left half-published, or half-deleted, before a moment (Unix time)."""
        for path in (*self.root.glob("*/.*.tmp"), *self.root.glob(f"*/{_GRAVE}*")):
            if path.is_dir() and all(part.stat().st_mtime < before for part in (path, *path.rglob("*"))):
                shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _last_look(self, name: str, check: Check | None, directory: Path) -> Iterator[None]:
        folder = self.root / name
        with storage_errors(folder), FileLock(folder / _LOCK):
            if check is not None:
                check(self, directory)
            self._pin(name)
            yield

    def _is_active(self, name: str, revision: str) -> bool:
        active = self.activation(name)
        if active is not None:
            return active.revision == revision
        *others, newest = self.revisions(name)
        return bool(others) and revision == newest

    def _pin(self, name: str) -> None:
        """Without a pointer the newest revision counts as active: say which it is before a newer one comes."""
        revisions = self.revisions(name)
        if revisions and not (self.root / name / _ACTIVE).exists():
            self._point(name, Activation(revisions[-1]))

    def _earlier(self, name: str) -> list[str]:
        """Revisions that were active before and still exist, oldest first; at least one."""
        present = self.activation(name)
        found = [revision for revision in (present.history if present else ()) if self._exists(name, revision)]
        if not found:
            raise BundleError(f"bundle {name!r} has no earlier revision to roll back to")
        return found

    def _no_bundle(self, name: str) -> BundleNotFoundError:
        known = ", ".join(self.names()) or "none"
        return BundleNotFoundError(f"no bundle {name!r} in {self.root}; there are: {known}")

    def _exists(self, name: str, revision: str) -> bool:
        return (self.directory(name, revision) / MANIFEST).is_file()

    def _activation_or_none(self, name: str) -> Activation | None:
        try:
            return self.activation(name)
        except BundleDamagedError:
            return None

    def _point(self, name: str, activation: Activation) -> Activation:
        with atomic_file(self.root / name / _ACTIVE) as temporary:
            temporary.write_text(json.dumps(asdict(activation)), "utf8")
        return activation
