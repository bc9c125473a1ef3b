"""Small bundles with the hashing encoder, and what several tests do with them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xite_core.augmenter import Augmentation, Augmenter
from xite_core.bundle.build import Builder, BuildOptions
from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.store import BundleStore
from xite_core.demo import demo_file
from xite_core.encoder.hashing import HashingEncoder
from xite_core.encoder.protocol import Encoder
from xite_core.records.readers import read_examples
from xite_core.reference import reference_texts
from xite_core.types import Encoded, Example

ROOT = Path(__file__).resolve().parents[2]
NAME = "small"
LANGUAGES = ("en", "ar", "hi", "ko")
POOL_ROWS = 24


def demo_rows(task: str, lang: str, count: int | None = None) -> list[Example]:
    """The first rows of a demonstration file, with their labels."""
    return [row for chunk in read_examples(demo_file(task, lang), labeled=True) for row in chunk][:count]


def unlabeled(rows: Sequence[Example]) -> list[Example]:
    """Target texts as a user has them: text and nothing else."""
    return [Example(row.text, row.text_pair) for row in rows]


def small_pool() -> dict[str, list[Example]]:
    """A few reference texts of four languages."""
    texts = reference_texts()
    return {language: texts[language][:POOL_ROWS] for language in LANGUAGES}


def build_small(
    home: Path,
    rows: Sequence[Example] | None = None,
    *,
    name: str = NAME,
    encoder: Encoder | None = None,
    options: BuildOptions | None = None,
    revision: str | None = None,
) -> Bundle:
    """Build a bundle from labeled rows (120 demonstration reviews), in chunks of 32."""
    rows = demo_rows("reviews", "en", 120) if rows is None else rows
    builder = Builder(BundleStore(home), encoder or HashingEncoder(), options or BuildOptions(validation=0.1))
    chunks = [rows[start : start + 32] for start in range(0, len(rows), 32)]
    return builder.build(name, chunks, small_pool(), revision=revision)


def content_digest(directory: Path) -> str:
    """One hash over names and bytes of all files of a directory."""
    total = hashlib.sha256()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        total.update(path.relative_to(directory).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def augmentation_digest(made: Augmentation) -> str:
    """One hash over everything that an augmentation says."""
    total = hashlib.sha256()
    for text in made.texts:
        total.update(repr((text.example, text.match, text.n_tokens, text.truncated)).encode())
        for each in text.embeddings:
            total.update(each.vector.tobytes() + repr((each.lam, each.subspace, each.source_id, each.seed)).encode())
    return total.hexdigest()


def opened_digest(directory: str) -> tuple[int, str]:
    """Open a bundle in this process, augment with it; the process and the digest of the result."""
    made = Augmenter(open_bundle(Path(directory)), HashingEncoder()).augment(unlabeled(demo_rows("reviews", "ko", 10)))
    return os.getpid(), augmentation_digest(made)


class CountingEncoder(HashingEncoder):
    """Counts the texts that it encodes."""

    encoded = 0

    def encode(self, examples: Sequence[Example]) -> Encoded:
        self.encoded += len(examples)
        return super().encode(examples)


def assert_same_texts(first: Augmentation, second: Augmentation) -> None:
    """Equal labels, neighbours and provenance; vectors, scores and confidence up to rounding."""
    assert len(first.texts) == len(second.texts)
    for a, b in zip(first.texts, second.texts, strict=True):
        assert a.example == b.example
        assert (a.match.status, a.match.reason, a.match.label, a.match.lang, a.match.partner) == (
            b.match.status,
            b.match.reason,
            b.match.label,
            b.match.lang,
            b.match.partner,
        )
        assert [n.id for n in a.match.neighbors] == [n.id for n in b.match.neighbors]
        np.testing.assert_allclose(
            [n.score for n in a.match.neighbors], [n.score for n in b.match.neighbors], atol=1e-5
        )
        np.testing.assert_allclose(a.match.confidence, b.match.confidence, atol=1e-4)
        assert [(e.lam, e.source_id, e.seed) for e in a.embeddings] == [
            (e.lam, e.source_id, e.seed) for e in b.embeddings
        ]
        for x, y in zip(a.embeddings, b.embeddings, strict=True):
            np.testing.assert_allclose(x.vector, y.vector, atol=1e-6)
