"""Labeled rows and the search over them: vectors, hubness columns, texts and labels, in one directory.

``vectors.safetensors`` holds one matrix whose rows are ``[u ; r_1 .. r_L]``: the vector, then its hubness columns. It
is the only copy, on disk and in memory: flat search runs over it, and `LabeledIndex.vectors` and
`LabeledIndex.hubness` are views of it. A directory is written once; adding and removing rows writes a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from xite_core.errors import BundleDamagedError, InputError, RowError
from xite_core.index.build import GATE_QUERIES, IndexReport, build_index, open_index, read_report, sample_queries
from xite_core.index.examples import ExampleTable, ExampleWriter
from xite_core.index.faiss_index import Progress
from xite_core.index.protocol import VectorIndex
from xite_core.index.vectors_file import VectorWriter, open_vectors, read_header
from xite_core.types import Example, FloatArray, IndexKind, IntArray

VECTORS_FILE = "vectors.safetensors"
EXAMPLES_FILE = "examples.arrow"

_DIMENSION = "dimension"


class LabeledIndex:
    """Vectors with hubness columns, examples and a search structure, opened read-only.

    Parameters
    ----------
    directory : Path
        What `AnchorWriter.finish` wrote.
    exact : bool
        Search exactly with NumPy whatever structure was built.

    Raises
    ------
    BundleDamagedError, BundleVersionError
        If a file is missing, does not fit the others, or was written by a newer version.
    """

    def __init__(self, directory: Path, *, exact: bool = False) -> None:
        self.directory = directory
        self.examples = ExampleTable(directory / EXAMPLES_FILE)
        self.matrix = open_vectors(directory / VECTORS_FILE)
        """Vectors and hubness columns, float32 (n, d + L), memory-mapped."""
        self.dimension = _read_width(directory / VECTORS_FILE, self.matrix.shape[1])
        """Length d of a vector, without hubness columns."""
        if len(self.examples) != len(self.matrix):
            raise BundleDamagedError(f"{directory}: {len(self.examples)} examples for {len(self.matrix)} vectors")
        self.index: VectorIndex = open_index(directory, self.matrix, exact=exact)
        self.report: IndexReport = read_report(directory)
        """How the search structure was built and how well it finds."""

    @classmethod
    def open(cls, directory: Path, *, exact: bool = False) -> Self:
        """Open a directory; the same as calling the class."""
        return cls(directory, exact=exact)

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def ntotal(self) -> int:
        """Number of rows."""
        return len(self.matrix)

    @property
    def vectors(self) -> FloatArray:
        """Vectors alone, float32 (n, d), a view of the memory map."""
        return self.matrix[:, : self.dimension]

    @property
    def hubness(self) -> FloatArray:
        """Hubness columns, float32 (n, L), a view of the memory map."""
        return self.matrix[:, self.dimension :]

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names, sorted; the order of the codes."""
        return self.examples.labels

    @property
    def label_codes(self) -> IntArray:
        """Code of each row's label, int64 (n,)."""
        return self.examples.label_codes

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Find the best inner products with ``[u ; r_1 .. r_L]``; see `VectorIndex.search`.

        Parameters
        ----------
        queries : ndarray of float32, (m, d + L)
            ``[u_t ; 0]`` for cosine, ``[2 u_t ; 0 .. -1 .. 0]`` for CSLS in one language.
        k : int
            From 1 to `ntotal`.
        """
        return self.index.search(queries, k)


class AnchorWriter:
    """Stream labeled vectors into a new directory, then index them.

    As a context manager it takes away what it has written when the block fails.

    Parameters
    ----------
    directory : Path
        Made if missing; holds no rows yet.
    width : int
        Length d of a vector.
    columns : int
        Number L of hubness columns.

    Raises
    ------
    StorageError
        If the disk refuses.
    """

    def __init__(self, directory: Path, width: int, columns: int) -> None:
        self.directory, self.width, self.columns = directory, width, columns
        directory.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            self._table = stack.enter_context(ExampleWriter(directory / EXAMPLES_FILE))
            writer = VectorWriter(directory / VECTORS_FILE, width + columns, {_DIMENSION: str(width)})
            self._vectors = stack.enter_context(writer)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    def __len__(self) -> int:
        return len(self._table)

    def add(self, examples: Sequence[Example], vectors: FloatArray, hubness: npt.NDArray[np.floating[Any]]) -> None:
        """Append labeled rows.

        Parameters
        ----------
        examples : sequence of Example
            With labels. One without an id is called ``row-<n>``.
        vectors : ndarray of float32, (b, d)
            Their unit vectors.
        hubness : ndarray of float, (b, L)
            Their mean cosines to the nearest pool vectors of each language.

        Raises
        ------
        RowError
            If a label is missing or an id stands twice.
        InputError
            If a shape does not fit or a number is not finite.
        """
        wanted = (len(examples), self.width), (len(examples), self.columns)
        if (vectors.shape, hubness.shape) != wanted:
            raise InputError(
                f"vectors {vectors.shape} and hubness {hubness.shape}, expected {wanted[0]} and {wanted[1]}"
            )
        for i, example in enumerate(examples):
            if example.label is None:
                raise RowError("examples", len(self) + i, "has no label", "item")
        self._vectors.add(np.hstack([vectors, hubness]).astype(np.float32, copy=False))
        self._table.add(examples)

    def finish(
        self,
        kind: IndexKind = IndexKind.AUTO,
        seed: int = 0,
        *,
        targets: FloatArray | None = None,
        progress: Progress | None = None,
    ) -> LabeledIndex:
        """Close the files, build the search structure and open the result.

        Parameters
        ----------
        kind : IndexKind
            Search structure; one that finds too little is replaced by flat, as the report then says.
        seed : int
            Of training and of the recall gate.
        targets : ndarray of float32, (m, d), optional
            Unit vectors of other languages, such as the pool's: the recall is then measured on what will be searched.
        progress : callable, optional
            Told of every block that is indexed.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        self._stack.close()
        matrix = open_vectors(self.directory / VECTORS_FILE)
        queries = gate_queries(matrix, self.width, seed, targets)
        build_index(matrix, self.directory, kind, seed=seed, queries=queries, progress=progress)
        return LabeledIndex(self.directory)


def gate_queries(matrix: FloatArray, width: int, seed: int, targets: FloatArray | None = None) -> FloatArray:
    """Make queries as matching does: half by cosine, half by CSLS, each in some language.

    Parameters
    ----------
    matrix : ndarray of float32, (n, d + L)
        Vectors and hubness columns.
    width : int
        d.
    seed : int
        Of what is drawn.
    targets : ndarray of float32, (m, d), optional
        Unit vectors to draw from; made from the rows where not given.

    Returns
    -------
    ndarray of float32, (c, d + L)
        At most `GATE_QUERIES`.
    """
    rng = np.random.default_rng(seed)
    if targets is None:
        units = sample_queries(matrix[:, :width], seed)
        units /= np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-12)
    else:
        units = targets[rng.permutation(len(targets))[:GATE_QUERIES]]
    queries = np.zeros((len(units), matrix.shape[1]), np.float32)
    queries[:, :width] = units
    if matrix.shape[1] > width:
        half = np.arange(0, len(units), 2)
        queries[half] *= 2
        queries[half, rng.integers(width, matrix.shape[1], len(half))] = -1
    return queries


def _read_width(path: Path, total: int) -> int:
    stated = read_header(path)[1].get(_DIMENSION, "")
    if not stated.isdecimal() or int(stated) > total:
        raise BundleDamagedError(f"{path}: rows of length {total} with vectors of length {stated or '(not stated)'}")
    return int(stated)
