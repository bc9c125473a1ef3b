"""Vectors kept on disk between runs, by encoder fingerprint and text."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from xite_core.encoder.protocol import Encoder, Tokenized
from xite_core.encoder.spec import EncoderSpec
from xite_core.errors import StorageError
from xite_core.types import Encoded, Example, FloatArray

_WAIT = 60.0
_BLOCK = 256


class CachedEncoder:
    """An encoder that looks a text's vector up before it makes one.

    Parameters
    ----------
    encoder : Encoder
        Makes what is missing.
    directory : Path
        Where the vectors are kept, one file an encoder; several processes may share it.
    """

    def __init__(self, encoder: Encoder, directory: Path) -> None:
        self.encoder = encoder
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / f"{encoder.fingerprint[:32]}.sqlite"
        with closing(self._open()) as file, file:
            file.execute("create table if not exists vectors (key blob primary key, vector blob) without rowid")

    @property
    def name(self) -> str:
        """That of the encoder."""
        return self.encoder.name

    @property
    def spec(self) -> EncoderSpec:
        """That of the encoder."""
        return self.encoder.spec

    @property
    def dimension(self) -> int:
        """That of the encoder."""
        return self.encoder.dimension

    @property
    def fingerprint(self) -> str:
        """That of the encoder, whose vectors these are."""
        return self.encoder.fingerprint

    def tokenize(self, examples: Sequence[Example]) -> Tokenized:
        """Tokenize by the encoder."""
        return self.encoder.tokenize(examples)

    def forward(self, tokenized: Tokenized) -> FloatArray:
        """Encode without a look at the cache."""
        return self.encoder.forward(tokenized)

    def warmup(self) -> None:
        """Warm the encoder up."""
        self.encoder.warmup()

    def encode(self, examples: Sequence[Example]) -> Encoded:
        """Encode what is not kept yet, keep it, and give all in order."""
        tokenized = self.encoder.tokenize(examples)
        keys = [_key(example) for example in examples]
        found = self._read(keys)
        missing = [i for i, key in enumerate(keys) if key not in found]
        for start in range(0, len(missing), _BLOCK):
            rows = missing[start : start + _BLOCK]
            vectors = self.encoder.encode([examples[i] for i in rows]).vectors
            made = {keys[i]: vector for i, vector in zip(rows, vectors, strict=True)}
            self._write(made)
            found.update(made)
        stacked = np.stack([found[key] for key in keys]) if keys else self.encoder.forward(tokenized)
        return tokenized.encoded(stacked)

    def _read(self, keys: Sequence[bytes]) -> dict[bytes, FloatArray]:
        found: dict[bytes, FloatArray] = {}
        with closing(self._open()) as file:
            for start in range(0, len(keys), _BLOCK):
                part = keys[start : start + _BLOCK]
                marks = ",".join("?" * len(part))
                for key, blob in file.execute(f"select key, vector from vectors where key in ({marks})", part):
                    found[key] = np.frombuffer(blob, np.float32)
        return found

    def _write(self, vectors: dict[bytes, FloatArray]) -> None:
        rows = [(key, vector.astype(np.float32).tobytes()) for key, vector in vectors.items()]
        with closing(self._open()) as file, file:
            file.executemany("insert or ignore into vectors values (?, ?)", rows)

    def _open(self) -> sqlite3.Connection:
        try:
            return sqlite3.connect(self._path, timeout=_WAIT)
        except sqlite3.Error as error:
            raise StorageError(self._path, str(error)) from error


def _key(example: Example) -> bytes:
    content = example.text if example.text_pair is None else f"{example.text}\x00{example.text_pair}"
    return hashlib.blake2b(content.encode("utf8", "surrogatepass"), digest_size=16).digest()
