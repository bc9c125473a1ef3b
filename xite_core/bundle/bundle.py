"""An opened bundle: read-only, memory-mapped, shared by any number of processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xite_core.bundle.manifest import Manifest, read_manifest
from xite_core.bundle.verify import verify
from xite_core.encoder.protocol import Encoder
from xite_core.errors import BundleDamagedError, EncoderMismatchError, RowError
from xite_core.identification import LanguageIdentifier, fit_identifier
from xite_core.index.labeled import LabeledIndex
from xite_core.index.vectors_file import read_header, read_matrices, write_matrices
from xite_core.options import AugmentOptions
from xite_core.pool import ReferencePool
from xite_core.reference import known_languages, reference_texts
from xite_core.subspace import Subspace, Subspaces
from xite_core.types import Example

ANCHORS = "anchors"
VALIDATION = "validation"
POOL_FILE = "pool.safetensors"
IDENTIFIER_FILE = "identifier.safetensors"
SUBSPACE_FILE = "subspaces.safetensors"
NGRAMS = "ngrams"
PRIOR = "prior"
_PARTS = ("mean", "means", "scalings", "basis", "carrier")


@dataclass(frozen=True, slots=True)
class Bundle:
    """One revision, opened.

    Parameters
    ----------
    directory : Path
        Where it lies.
    manifest : Manifest
        What it says of itself.
    anchors : LabeledIndex
        Labeled English: vectors, hubness columns, texts, search.
    pool : ReferencePool
        Unlabeled vectors by language.
    subspaces : Subspaces
        The fitted language and label subspaces.
    options : AugmentOptions
        Defaults of matching and interpolation.
    """

    directory: Path
    manifest: Manifest
    anchors: LabeledIndex
    pool: ReferencePool
    subspaces: Subspaces
    options: AugmentOptions

    @property
    def name(self) -> str:
        """The name it is published under."""
        return self.manifest.name

    @property
    def revision(self) -> str:
        """Its revision."""
        return self.manifest.revision

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names, in the order of the codes."""
        return self.manifest.labels

    def validation(self) -> LabeledIndex | None:
        """The held-out rows, without hubness columns; ``None`` where there are none."""
        directory = self.directory / VALIDATION
        return LabeledIndex.open(directory) if directory.is_dir() else None


def check_encoder(bundle: Bundle, encoder: Encoder) -> None:
    """Refuse an encoder whose vectors are not the bundle's.

    Raises
    ------
    EncoderMismatchError
        If the fingerprints differ.
    """
    if encoder.fingerprint != bundle.manifest.fingerprint:
        raise EncoderMismatchError(
            f"bundle {bundle.name!r} was built with encoder {bundle.manifest.encoder['name']!r} "
            f"(fingerprint {bundle.manifest.fingerprint[:12]}), not with {encoder.name!r} "
            f"({encoder.fingerprint[:12]}); load that encoder or rebuild the bundle"
        )


def check_form(bundle: Bundle, examples: Sequence[Example], where: str = "inputs") -> None:
    """Refuse pairs for a bundle of single texts, and the reverse.

    Raises
    ------
    RowError
        Names the first such text.
    """
    for i, example in enumerate(examples):
        if (problem := form_problem(bundle, example)) is not None:
            raise RowError(where, i, problem, "item")


def form_problem(bundle: Bundle, example: Example) -> str | None:
    """Say what is wrong with a pair for a bundle of single texts, or the reverse; ``None`` where nothing is."""
    pairs = bundle.manifest.pairs
    if (example.text_pair is not None) == pairs:
        return None
    want = "text pairs: give 'text_pair' too" if pairs else "single texts: leave 'text_pair' out"
    return f"bundle {bundle.name!r} holds {want}"


def open_bundle(directory: Path, *, full_check: bool = False) -> Bundle:
    """Open a revision after checking its hashes.

    Parameters
    ----------
    directory : Path
        The revision's directory.
    full_check : bool
        Hash every file even where nothing changed since the last check.

    Raises
    ------
    BundleDamagedError, BundleVersionError
        If a file is missing or differs, or a newer library wrote it.
    """
    manifest = read_manifest(directory)
    verify(directory, manifest, full=full_check)
    try:
        return Bundle(
            directory=directory,
            manifest=manifest,
            anchors=LabeledIndex.open(directory / ANCHORS),
            pool=read_pool(directory),
            subspaces=read_subspaces(directory / SUBSPACE_FILE, manifest),
            options=manifest.default_options,
        )
    except (OSError, KeyError, ValueError) as error:
        raise BundleDamagedError(f"{directory}: cannot be opened ({error}); rebuild it") from error


def write_pool(directory: Path, pool: ReferencePool) -> None:
    """Store the pool's vectors, and beside them what tells its languages apart."""
    write_matrices(directory / POOL_FILE, dict(pool.vectors))
    if pool.identifier is not None:
        arrays = {NGRAMS: pool.identifier.ngrams, PRIOR: pool.identifier.prior, **pool.identifier.scripts}
        write_matrices(directory / IDENTIFIER_FILE, arrays, {"languages": "\n".join(pool.identifier.languages)})


def read_pool(directory: Path) -> ReferencePool:
    """Read what `write_pool` wrote.

    Earlier versions wrote vectors alone; their languages are told apart by the shipped texts, where all of them ship.
    """
    vectors, path = read_matrices(directory / POOL_FILE), directory / IDENTIFIER_FILE
    if not path.exists():
        shipped = {name: rows for name, rows in reference_texts().items() if name in vectors}
        all_ship = len(shipped) == len(vectors)
        return ReferencePool(vectors, fit_identifier(shipped, known_languages()) if all_ship else None)
    arrays = read_matrices(path)
    languages = tuple(read_header(path)[1]["languages"].split("\n"))
    ngrams, prior = arrays.pop(NGRAMS), arrays.pop(PRIOR, np.zeros(len(languages), np.float32))
    return ReferencePool(vectors, LanguageIdentifier(languages, ngrams, prior, arrays))


def write_subspaces(path: Path, subspaces: Subspaces) -> None:
    """Store both subspaces' arrays, float64; the class names stand in the manifest."""
    arrays = {
        f"{reading}.{part}": np.ascontiguousarray(getattr(getattr(subspaces, reading), part))
        for reading in ("language", "label")
        for part in _PARTS
    }
    write_matrices(path, arrays)


def read_subspaces(path: Path, manifest: Manifest) -> Subspaces:
    """Read what `write_subspaces` wrote."""
    arrays = read_matrices(path)
    classes = {"language": manifest.languages, "label": manifest.labels}
    readings = {
        reading: Subspace(names, **{part: np.asarray(arrays[f"{reading}.{part}"]) for part in _PARTS})
        for reading, names in classes.items()
    }
    return Subspaces(**readings)
