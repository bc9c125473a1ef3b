"""The result as a new bundle revision: head, tuned encoder, English anchors encoded by it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xite_core.bundle.bundle import Bundle, open_bundle
from xite_core.bundle.derive import ENCODER, HEAD_FILE, Derivation, Recoded, publish_derived
from xite_core.bundle.store import BundleStore
from xite_core.encoder.protocol import Encoder
from xite_core.errors import AlreadyExistsError
from xite_core.finetune.corpus import Corpus, Snapshot
from xite_core.finetune.head import Head
from xite_core.storage import sha256_of
from xite_core.types import Example, FloatArray

_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is published.

    Parameters
    ----------
    head : Head
        The fine-tuned head.
    encoder : Encoder
        The encoder that the head belongs to.
    encoder_files : Path, optional
        Its directory, where it was tuned.
    snapshot : Snapshot
        Vectors by it.
    anchors : sequence of Example
        Labeled English rows, where they are written anew: the encoder moved or there are extra ones.
    """

    head: Head
    encoder: Encoder
    encoder_files: Path | None
    snapshot: Snapshot
    anchors: Sequence[Example]


def weights_hash(outcome: Outcome) -> str:
    """SHA-256 over the head's and the tuned encoder's weights: equal for equal results."""
    total = hashlib.sha256(outcome.head.weight.tobytes() + outcome.head.bias.tobytes())
    if outcome.head.lexicon is not None:
        total.update(outcome.head.lexicon.weight.tobytes() + outcome.head.lexicon.bias.tobytes())
    if outcome.head.turn is not None:
        total.update(outcome.head.turn.tobytes())
    if outcome.encoder_files is not None:
        for path in sorted(outcome.encoder_files.glob("*.safetensors")):
            total.update(bytes.fromhex(sha256_of(path)))
    return total.hexdigest()


def publish(
    store: BundleStore,
    name: str,
    revision: str,
    parent: Bundle,
    corpus: Corpus,
    outcome: Outcome,
    facts: Mapping[str, Any],
    artifacts: Sequence[Path],
) -> Bundle:
    """Publish a revision; one that the same run has published already is opened instead.

    Parameters
    ----------
    store, name, revision
        Where and under which name.
    parent : Bundle
        What was fine-tuned.
    corpus : Corpus
        Held-out rows.
    outcome : Outcome
        Head, encoder, vectors.
    facts : mapping
        ``head`` and ``origin`` of the manifest.
    artifacts : sequence of Path
        Files that go into the revision too.

    Raises
    ------
    AlreadyExistsError
        If another run has published that revision.
    StorageError
        If the disk refuses.
    """

    def fill(directory: Path) -> None:
        outcome.head.write(directory / HEAD_FILE)
        if outcome.encoder_files is not None:
            shutil.copytree(outcome.encoder_files, directory / ENCODER)
        for path in artifacts:
            shutil.copyfile(path, directory / path.name)

    recoded = _recoded(outcome, corpus) if outcome.anchors else None
    derivation = Derivation(parent, facts["head"], facts["origin"], fill, recoded)
    try:
        return publish_derived(store, name, revision, derivation)
    except AlreadyExistsError:
        present = open_bundle(store.directory(name, revision))
        if present.manifest.origin.get("run") != facts["origin"]["run"]:
            raise
        return present


def _recoded(outcome: Outcome, corpus: Corpus) -> Recoded:
    snapshot = outcome.snapshot
    return Recoded(
        spec=outcome.encoder.spec,
        fingerprint=outcome.encoder.fingerprint,
        anchors=_chunks(outcome.anchors, snapshot.anchors),
        validation=_chunks(corpus.validation, snapshot.validation),
        pool=snapshot.pool,
        subspaces=snapshot.subspaces,
    )


def _chunks(examples: Sequence[Example], vectors: FloatArray) -> Iterator[tuple[Sequence[Example], FloatArray]]:
    for start in range(0, len(examples), _CHUNK):
        yield examples[start : start + _CHUNK], vectors[start : start + _CHUNK]
