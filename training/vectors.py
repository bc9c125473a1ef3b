"""Vectors of texts by any encoder directory, kept in a cache folder between runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xite_core.encoder import load_encoder
from xite_core.types import Example

Vectors = npt.NDArray[np.float32]


class CachedEncoder:
    """An encoder that remembers what it has encoded.

    Parameters
    ----------
    directory : Path
        Configuration, fast tokenizer and safetensors weights.
    cache : Path
        Folder of the kept vectors. Its file names hold the hash of weights and texts, so a changed encoder never meets
        old vectors.
    """

    def __init__(self, directory: Path, cache: Path) -> None:
        self.encoder = load_encoder(str(directory))
        self.cache = cache
        cache.mkdir(parents=True, exist_ok=True)

    @property
    def fingerprint(self) -> str:
        """Hash of the encoder's files and choices."""
        return self.encoder.fingerprint

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 (n, d), in the order of the texts."""
        key = hashlib.sha256("\x00".join([self.fingerprint, *texts]).encode()).hexdigest()[:24]
        file = self.cache / f"{key}.npy"
        if file.exists():
            return np.asarray(np.load(file), np.float32)
        vectors = self.encoder.encode([Example(text) for text in texts]).vectors
        np.save(file, vectors)
        return vectors
