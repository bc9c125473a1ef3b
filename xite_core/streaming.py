"""Augment a file of any size: constant memory, resumable, nothing half-written visible.

Every chunk becomes a part file in a hidden folder beside the target; the parts are assembled at the end. An interrupted
run that is started again with the same input, bundle and options goes on after the last whole part.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from xite_core.augmenter import Augmenter
from xite_core.bundle.bundle import form_problem
from xite_core.errors import InputError, RowError
from xite_core.memory import kept_small
from xite_core.options import AugmentOptions
from xite_core.records.bad_rows import BadRows
from xite_core.records.readers import read_examples
from xite_core.records.rows import AUGMENTED, augmented_batch
from xite_core.records.writers import check_target, write_batches
from xite_core.report import Report
from xite_core.storage import atomic_file, storage_errors
from xite_core.types import Example

CHUNK = 1024
LAYOUT = 2
"""Of the parts, and of which rows are in them; what another version of the code has left is started anew."""

_JOB = "job.json"


@dataclass(frozen=True, slots=True)
class FileAugmentation:
    """What to do: which file to which, how; ``skip_bad_rows`` leaves out and counts what cannot be used."""

    source: Path
    target: Path
    options: AugmentOptions
    lang: str | None = None
    neighbors: bool = False
    columns: Mapping[str, str] | None = None
    skip_bad_rows: bool = False


def partial_folder(target: Path) -> Path:
    """Where the parts of an unfinished run lie."""
    return target.with_name(f".{target.name}.partial")


class FileAugmenter:
    """Runs one `FileAugmentation`.

    Parameters
    ----------
    augmenter : Augmenter
        Bundle and encoder.
    job : FileAugmentation
        What to do.
    progress : callable, optional
        Called with the rows just done, resumed ones included.
    """

    def __init__(
        self, augmenter: Augmenter, job: FileAugmentation, progress: Callable[[int], None] | None = None
    ) -> None:
        self.augmenter, self.job = augmenter, job
        self.progress = progress or (lambda done: None)
        self.folder = partial_folder(job.target)

    def run(self) -> dict[str, Any]:
        """Augment the file and write the target.

        Returns
        -------
        dict
            The report: coverage, label counts, hubness, and the bad rows where they are skipped.

        Raises
        ------
        InputError, RowError
            If the input is missing, cannot be read or is the target; parts made so far are kept for a resumption.
        StorageError
            If the disk refuses.
        """
        self._check_paths()
        self._open_folder()
        bad_rows = BadRows() if self.job.skip_bad_rows else None
        try:
            with kept_small():
                report, parts = self._make_parts(bad_rows)
            write_batches(self.job.target, AUGMENTED, self._parts(parts))
        except BaseException:
            if not self._part(0, "json").is_file():  # nothing to go on from
                shutil.rmtree(self.folder, ignore_errors=True)
            raise
        shutil.rmtree(self.folder)
        return report.as_dict() | ({"bad_rows": bad_rows.as_dict()} if bad_rows else {})

    def _check_paths(self) -> None:
        source, target = self.job.source, self.job.target
        check_target(target)
        if not source.exists():
            raise InputError(f"{source}: no such file")
        if source.resolve() in (target.resolve(), *target.resolve().parents):
            raise InputError(f"{target}: would overwrite the input; choose another name")

    def _make_parts(self, bad_rows: BadRows | None) -> tuple[Report, int]:
        """Make the parts that are not there yet; the report over all and their number."""
        report, count = Report(self.augmenter.bundle.anchors.ntotal), 0
        chunks = read_examples(
            self.job.source,
            labeled=False,
            chunk=CHUNK,
            lang=self.job.lang,
            columns=self.job.columns,
            bad_rows=bad_rows,
            check=partial(form_problem, self.augmenter.bundle),
        )
        for number, chunk in enumerate(chunks):
            report.merge(self._done(number) or self._augment(number, chunk))
            self.progress(len(chunk))
            count += 1
        return report, count

    def _identity(self) -> dict[str, Any]:
        """What must be unchanged for a resumption."""
        bundle = self.augmenter.bundle
        return {
            "source": _file_identity(self.job.source),
            "bundle": [bundle.name, bundle.revision, bundle.manifest.fingerprint],
            "options": self.job.options.as_dict(),
            "layout": LAYOUT,
            "rest": [
                self.job.lang,
                self.job.neighbors,
                dict(self.job.columns or {}),
                self.job.skip_bad_rows,
                CHUNK,
            ],
        }

    def _open_folder(self) -> None:
        identity = json.dumps(self._identity(), sort_keys=True)
        path = self.folder / _JOB
        if path.is_file() and path.read_text("utf8") == identity:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        with storage_errors(self.folder):
            self.folder.mkdir()
        with atomic_file(path) as temporary:
            temporary.write_text(identity, "utf8")

    def _part(self, number: int, suffix: str) -> Path:
        return self.folder / f"part-{number:08d}.{suffix}"

    def _done(self, number: int) -> dict[str, Any] | None:
        """The report of a part that an earlier run finished; its report is written last."""
        path = self._part(number, "json")
        return json.loads(path.read_text("utf8")) if path.is_file() else None

    def _augment(self, number: int, chunk: list[Example]) -> dict[str, Any]:
        bundle = self.augmenter.bundle
        try:
            made = self.augmenter.augment(chunk, self.job.options)
        except RowError as error:
            row = number * CHUNK + error.row + 1
            raise RowError(self.job.source.name, row, error.problem, "row") from error
        batch = augmented_batch(made.texts, bundle.name, bundle.revision, neighbors=self.job.neighbors)
        report = Report(bundle.anchors.ntotal)
        report.add(made)
        with (
            atomic_file(self._part(number, "arrow")) as temporary,
            pa.ipc.new_stream(str(temporary), AUGMENTED) as writer,
        ):
            writer.write_batch(batch)
        with atomic_file(self._part(number, "json")) as temporary:
            temporary.write_text(json.dumps(report.state()), "utf8")
        return report.state()

    def _parts(self, count: int) -> Iterator[pa.RecordBatch]:
        for number in range(count):
            with pa.memory_map(str(self._part(number, "arrow"))) as source:
                yield from pa.ipc.open_stream(source)


def _file_identity(path: Path) -> list[Any]:
    """Name, size, time and a hash of the beginning of a file (of all files of a dataset directory)."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    facts = []
    for file in (file for file in files if file.is_file()):
        status = file.stat()
        with file.open("rb") as handle:
            beginning = hashlib.sha256(handle.read(1 << 16)).hexdigest()
        facts.append([file.name, status.st_size, status.st_mtime_ns, beginning])
    return facts
