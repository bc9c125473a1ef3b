"""What the service remembers of projects: how they are answered, what was annotated, the running training.

One SQLite file in the data directory, so that all processes of a service share it and a crash leaves it whole.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xite_core.errors import StorageError
from xite_core.types import Example

ABANDONED = 120.0
"""Seconds after which a claim whose process never named a job is void."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS connections (project TEXT PRIMARY KEY, options TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS annotations (
    project TEXT NOT NULL, annotation INTEGER NOT NULL, task INTEGER NOT NULL,
    text TEXT NOT NULL, text_pair TEXT, lang TEXT, label TEXT NOT NULL,
    PRIMARY KEY (project, annotation)
) STRICT;
CREATE TABLE IF NOT EXISTS trainings (project TEXT PRIMARY KEY, job TEXT, claimed REAL NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Annotated:
    """An annotation; the example has the label."""

    annotation: int
    task: int
    example: Example


@dataclass(frozen=True, slots=True)
class Training:
    """The last training of a project; without a job while it is being started."""

    job: str | None
    claimed: float


class AnnotationStore:
    """Opens the file for each call; the calls block and belong into a thread.

    Parameters
    ----------
    home : Path
        The data directory.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / "annotation" / "label-studio.sqlite3"

    def connect(self, project: str, options: str) -> None:
        """Remember how a project is answered, as JSON."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO connections VALUES (?, ?)", (project, options))

    def connection(self, project: str) -> str | None:
        """How a project is answered; ``None`` where it never said."""
        if not self.path.is_file():
            return None
        with self._transaction() as db:
            row = db.execute("SELECT options FROM connections WHERE project = ?", (project,)).fetchone()
        return row[0] if row else None

    def record(
        self, project: str, annotated: Iterable[Annotated], gone: Iterable[int], tasks_gone: Iterable[int] = ()
    ) -> int:
        """Put annotations in, take others out, also all of some tasks; the number that the project has then."""
        with self._transaction() as db:
            db.executemany(
                "DELETE FROM annotations WHERE project = ? AND task = ?", ((project, number) for number in tasks_gone)
            )
            db.executemany(
                "DELETE FROM annotations WHERE project = ? AND annotation = ?", ((project, number) for number in gone)
            )
            db.executemany(
                "INSERT OR REPLACE INTO annotations VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((project, one.annotation, one.task, *_columns(one.example)) for one in annotated),
            )
            count = db.execute("SELECT count(*) FROM annotations WHERE project = ?", (project,)).fetchone()
        return int(count[0])

    def annotations(self, project: str) -> list[Annotated]:
        """All annotations of a project, by task."""
        with self._transaction() as db:
            rows = db.execute(
                "SELECT annotation, task, text, text_pair, label, lang FROM annotations WHERE project = ?"
                " ORDER BY task, annotation",
                (project,),
            ).fetchall()
        return [Annotated(row[0], row[1], Example(row[2], row[3], row[4], None, row[5])) for row in rows]

    def training(self, project: str) -> Training | None:
        """The last training of a project."""
        with self._transaction() as db:
            row = db.execute("SELECT job, claimed FROM trainings WHERE project = ?", (project,)).fetchone()
        return Training(*row) if row else None

    def claim(self, project: str, ended: Training | None) -> bool:
        """Reserve the right to start a training, if the last one is still the one that was seen to have ended."""
        with self._transaction() as db:
            row = db.execute("SELECT job, claimed FROM trainings WHERE project = ?", (project,)).fetchone()
            last = Training(*row) if row else None
            if last is not None and last.job is None and time.time() - last.claimed < ABANDONED:
                return False
            if last != ended:
                return False
            db.execute("INSERT OR REPLACE INTO trainings VALUES (?, NULL, ?)", (project, time.time()))
        return True

    def started(self, project: str, job: str) -> None:
        """Name the job of a claimed training."""
        with self._transaction() as db:
            db.execute("UPDATE trainings SET job = ? WHERE project = ?", (job, project))

    def release(self, project: str) -> None:
        """Give a claim back."""
        with self._transaction() as db:
            db.execute("DELETE FROM trainings WHERE project = ? AND job IS NULL", (project,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self.path, timeout=5, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(self.path, str(error)) from error
        try:
            db.executescript(_SCHEMA)
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except sqlite3.Error as error:
            raise StorageError(self.path, str(error)) from error
        finally:
            db.close()


def _columns(example: Example) -> tuple[str, str | None, str | None, str | None]:
    return example.text, example.text_pair, example.lang, example.label
