"""A run's files on disk: the prepared start, the last checkpoint, the best weights; each one file, without pickle.

Every file is a safetensors file whose header carries the JSON beside the tensors, so that both appear in one step.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from xite_core.errors import StorageError
from xite_core.finetune.corpus import Corpus, FineTuneInputs
from xite_core.finetune.options import FineTuneOptions
from xite_core.options import AugmentOptions
from xite_core.storage import atomic_file, storage_errors
from xite_core.types import Example

ARTIFACTS = "artifacts"
ENCODER = "encoder"

_IDENTITY = "run.json"
_PREPARED = "prepared.safetensors"
_CHECKPOINT = "checkpoint.safetensors"
_FACTS = "facts"

LAYOUT = 3
"""Of what is kept, and of the method behind it; what another version of the code has left is started anew."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Tensors by name and the facts beside them."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Tensors whose name begins with ``prefix/``, without it."""
        start = prefix + "/"
        return {name[len(start) :]: value for name, value in self.tensors.items() if name.startswith(start)}


class Workspace:
    """The directory of one run.

    Parameters
    ----------
    directory : Path
        Made if missing; what another run left there is removed.
    identity : str
        What must be unchanged for a resumption.
    """

    def __init__(self, directory: Path, identity: str) -> None:
        self.directory, self.identity = directory, f"{identity} layout {LAYOUT}"
        path = directory / _IDENTITY
        if not path.is_file() or path.read_text("utf8") != self.identity:
            with storage_errors(directory):
                self.clean()
                shutil.rmtree(self.artifacts, ignore_errors=True)
                directory.mkdir(parents=True, exist_ok=True)
            with atomic_file(path) as temporary:
                temporary.write_text(self.identity, "utf8")

    @property
    def artifacts(self) -> Path:
        """Folder of the report, the plot and the model card."""
        return self.directory / ARTIFACTS

    def prepared(self) -> Saved | None:
        """What `save_prepared` wrote."""
        return _load(self.directory / _PREPARED)

    def save_prepared(self, saved: Saved) -> None:
        """Keep what precedes training."""
        _save(self.directory / _PREPARED, saved)

    def checkpoint(self) -> Saved | None:
        """What `save_checkpoint` wrote last."""
        return _load(self.directory / _CHECKPOINT)

    def save_checkpoint(self, saved: Saved) -> None:
        """Replace the checkpoint in one step."""
        _save(self.directory / _CHECKPOINT, saved)

    def best(self, epoch: int) -> Saved | None:
        """Weights of an epoch that was the best so far."""
        return _load(self._best(epoch))

    def save_best(self, epoch: int, saved: Saved) -> None:
        """Keep an epoch's weights; older ones stay until a checkpoint no longer names them."""
        _save(self._best(epoch), saved)

    def forget_best_but(self, epoch: int) -> None:
        """Remove the weights of other epochs."""
        for path in self.directory.glob("best-*.safetensors"):
            if path != self._best(epoch):
                path.unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove everything but the artifacts, once the result is published."""
        for path in (*self.directory.glob("*.safetensors"), self.directory / _IDENTITY):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.directory / ENCODER, ignore_errors=True)

    def _best(self, epoch: int) -> Path:
        return self.directory / f"best-{epoch}.safetensors"


def identity_of(inputs: FineTuneInputs, corpus: Corpus, options: FineTuneOptions, augment: AugmentOptions) -> str:
    """Everything that decides a run's result, as JSON; texts by their hash."""
    bundle = inputs.bundle
    pool = [example for rows in (inputs.pool or {}).values() for example in rows]
    values = {
        "bundle": [bundle.name, bundle.revision, bundle.manifest.fingerprint],
        "options": {**options.as_dict(), "augment": augment.as_dict()},
        "rows": [_hash(rows) for rows in (corpus.target, corpus.test, corpus.source, pool)],
    }
    return json.dumps(values, sort_keys=True)


def _hash(rows: list[Example]) -> str:
    total = hashlib.sha256()
    for row in rows:
        total.update(json.dumps([row.text, row.text_pair, row.label, row.lang, row.id]).encode())
    return total.hexdigest()


def _save(path: Path, saved: Saved) -> None:
    tensors = {name: value.detach().to("cpu").contiguous() for name, value in saved.tensors.items()}
    with atomic_file(path) as temporary:
        try:
            save_file(tensors, str(temporary), metadata={_FACTS: json.dumps(saved.facts)})
        except SafetensorError as error:  # its only way to say that the disk refused
            raise StorageError(path, str(error)) from error


def _load(path: Path) -> Saved | None:
    """``None`` where there is no such file or it cannot be read: the run then goes on from what precedes it."""
    try:
        with safe_open(str(path), framework="pt") as file:
            tensors: Mapping[str, Tensor] = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            facts = json.loads(file.metadata()[_FACTS])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None
    return Saved(dict(tensors), facts)


def tensors_of(prefix: str, values: Mapping[str, Any]) -> dict[str, Tensor]:
    """Arrays or tensors by name, under a common prefix, as independent tensors."""
    return {f"{prefix}/{name}": torch.as_tensor(value).clone() for name, value in values.items()}
