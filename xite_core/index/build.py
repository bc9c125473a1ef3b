"""Choose, build, measure and open a search structure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xite_core.errors import BundleDamagedError, BundleVersionError
from xite_core.index.faiss_index import (
    ApproximateIndex,
    FlatIndex,
    Progress,
    build_structure,
    efforts,
    read_structure,
    write_structure,
)
from xite_core.index.numpy_index import NumpyIndex
from xite_core.index.protocol import VectorIndex
from xite_core.storage import atomic_file
from xite_core.types import FloatArray, IndexKind, IntArray

FLAT_BELOW = 100_000
"""Rows from which on ``auto`` prefers inverted lists: below, an exact search takes about a millisecond or two."""

MIN_RECALL = 0.95
RECALL_AT = 10
GATE_QUERIES = 256
STRUCTURE = "index.faiss"
REPORT = "index.json"

_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class IndexReport:
    """How an index was built and how well it finds.

    Parameters
    ----------
    kind : IndexKind
        What was built.
    requested : IndexKind
        What was asked for; another one where the recall gate was not met.
    rows, dimension : int
        Shape of the matrix.
    effort : int
        efSearch (HNSW), lists to probe (IVF), 0 for flat.
    recall : float
        Measured recall@10 against exact search, 1 for flat.
    missed : float or None
        Best recall@10 of a structure that was given up for flat.
    seed : int
        Of training and of the gate's queries.
    """

    kind: IndexKind
    requested: IndexKind
    rows: int
    dimension: int
    effort: int
    recall: float
    missed: float | None
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Give the report as JSON values."""
        return {name: str(value) if isinstance(value, IndexKind) else value for name, value in asdict(self).items()}


def choose_kind(n: int) -> IndexKind:
    """Flat for fewer than `FLAT_BELOW` rows, inverted lists from there on."""
    return IndexKind.FLAT if n < FLAT_BELOW else IndexKind.IVF_SQ8


def sample_queries(matrix: FloatArray, seed: int, count: int = GATE_QUERIES) -> FloatArray:
    """Take some rows and move each by its own length in the direction of a difference of two others.

    So they are about as far from the rows as a translation is, and spread as the rows are.

    Returns
    -------
    ndarray of float32, (min(count, n), D)
    """
    rng = np.random.default_rng(seed)
    rows, one, other = (matrix[np.sort(rng.permutation(len(matrix))[:count])] for _ in range(3))
    away = one[rng.permutation(len(one))] - other[rng.permutation(len(other))]
    lengths = np.linalg.norm(away, axis=1, keepdims=True)
    away *= np.linalg.norm(rows, axis=1, keepdims=True) / np.maximum(lengths, 1e-12)
    return np.asarray(rows + away, np.float32)


def recall(found: IntArray, true: IntArray) -> float:
    """Fraction of the true rows that were found, over all queries."""
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, true, strict=True))
    return hits / max(true.size, 1)


def build_index(
    matrix: FloatArray,
    directory: Path,
    kind: IndexKind = IndexKind.AUTO,
    *,
    seed: int = 0,
    queries: FloatArray | None = None,
    min_recall: float = MIN_RECALL,
    progress: Progress | None = None,
) -> IndexReport:
    """Build a search structure beside the vectors: ``index.json`` and, unless it is flat, ``index.faiss``.

    An approximate structure has to pass a gate on the data itself: its effort is raised until recall@10 is at least
    ``min_recall``; where that is never met, flat search is used.

    Parameters
    ----------
    matrix : ndarray of float32, (n, D)
        The rows; a memory map will do.
    directory : Path
        Where to write; it exists.
    kind : IndexKind
        What to build; ``auto`` goes by the number of rows.
    seed : int
        Of training and of the gate's queries.
    queries : ndarray of float32, (m, D), optional
        The gate's queries; `sample_queries` where not given.
    min_recall : float
        The gate.
    progress : callable, optional
        Told of every block of rows.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    requested = kind
    if kind is IndexKind.AUTO or not len(matrix):
        kind = choose_kind(len(matrix))
    effort, measured, missed = 0, 1.0, None
    if kind is not IndexKind.FLAT:
        structure = build_structure(matrix, kind, seed, progress)
        effort, measured = _gate(structure, matrix, kind, queries, seed, min_recall)
        if measured >= min_recall:
            write_structure(structure, directory / STRUCTURE)
        else:
            kind, effort, measured, missed = IndexKind.FLAT, 0, 1.0, measured
    report = IndexReport(kind, requested, len(matrix), matrix.shape[1], effort, measured, missed, seed)
    with atomic_file(directory / REPORT) as temporary:
        temporary.write_text(json.dumps({"schema_version": _SCHEMA_VERSION, **report.as_dict()}, indent=1), "utf8")
    return report


def open_index(directory: Path, matrix: FloatArray, *, exact: bool = False) -> VectorIndex:
    """Open what `build_index` wrote.

    Parameters
    ----------
    directory : Path
        Where it was written.
    matrix : ndarray of float32, (n, D)
        The same rows, memory-mapped.
    exact : bool
        Search exactly with NumPy whatever was built.

    Raises
    ------
    BundleDamagedError, BundleVersionError
        If a file is missing, does not fit the rows, or was written by a newer version.
    """
    report = read_report(directory)
    if (report.rows, report.dimension) != matrix.shape:
        raise BundleDamagedError(
            f"{directory / REPORT}: index of {report.rows} x {report.dimension}, not {matrix.shape}"
        )
    if exact:
        return NumpyIndex(matrix)
    if report.kind is IndexKind.FLAT:
        return FlatIndex(matrix)
    return ApproximateIndex(read_structure(directory / STRUCTURE, matrix), matrix, report.effort)


def read_report(directory: Path) -> IndexReport:
    """Read ``index.json``.

    Raises
    ------
    BundleDamagedError, BundleVersionError
        If it is missing, cannot be read, or was written by a newer version.
    """
    path = directory / REPORT
    try:
        values = json.loads(path.read_text("utf8"))
        version = int(values.pop("schema_version"))
        if version > _SCHEMA_VERSION:
            raise BundleVersionError(f"{path}: schema version {version}, this library reads up to {_SCHEMA_VERSION}")
        values["kind"], values["requested"] = IndexKind(values["kind"]), IndexKind(values["requested"])
        return IndexReport(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleDamagedError(f"{path}: not a readable index report ({error})") from error


def _gate(
    structure: Any, matrix: FloatArray, kind: IndexKind, queries: FloatArray | None, seed: int, min_recall: float
) -> tuple[int, float]:
    """Find the least effort that meets the recall, or else the greatest; with the recall there."""
    if queries is None:
        queries = sample_queries(matrix, seed)
    k = min(RECALL_AT, len(matrix))
    true = FlatIndex(matrix).search(queries, k)[1]
    effort, measured = 0, 0.0
    for effort in efforts(kind, len(matrix)):
        measured = recall(ApproximateIndex(structure, matrix, effort).search(queries, k)[1], true)
        if measured >= min_recall:
            break
    return effort, measured
