"""Where an encoder's files are: a local directory, or a copy of a hub repository."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from xite_core.encoder.spec import EncoderSpec
from xite_core.errors import EncoderError

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_HUB_SECONDS = 5
_HUB_FILES = ["*.json", "*.safetensors"]
_HOW_TO_SAVE = {
    CONFIG: "",
    TOKENIZER: "; AutoTokenizer.from_pretrained(...).save_pretrained(directory) writes it",
    WEIGHTS: "; AutoModel.from_pretrained(...).save_pretrained(directory) writes it (pickled weights are not read)",
}


@dataclass(frozen=True, slots=True)
class EncoderFiles:
    """The files of one encoder; all of them exist.

    Parameters
    ----------
    directory : Path
        Where they are.
    weights : tuple of Path
        Weight files (several where sharded), sorted by name.
    tokenizer : Path
        The fast tokenizer.
    """

    directory: Path
    weights: tuple[Path, ...]
    tokenizer: Path

    def fingerprint(self, spec: EncoderSpec) -> str:
        """Hash (SHA-256) the bytes of weights and tokenizer and the spec without its name; reads every file once."""
        total = hashlib.sha256()
        for path in (*self.weights, self.tokenizer):
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        total.update(json.dumps(spec.choices(), sort_keys=True).encode())
        return total.hexdigest()


def find_files(name: str) -> EncoderFiles:
    """Files of a local directory, or else of a hub name: the local cache first, then the hub, once.

    Raises
    ------
    EncoderError
        If a file is missing or the hub cannot give it.
    """
    directory = _local_directory(name)
    if directory is not None:
        return files_in(directory)
    if not _HUB_NAME.fullmatch(name):
        raise EncoderError(f"encoder {name}: there is no such directory, and it is not a hub name either")
    return _from_hub(name)


def _local_directory(name: str) -> Path | None:
    try:
        directory = Path(name).expanduser()
        return directory if directory.is_dir() else None
    except (OSError, RuntimeError):  # a name too long for the system, or ~ of nobody
        return None


def files_in(directory: Path) -> EncoderFiles:
    """Files of a directory.

    Raises
    ------
    EncoderError
        If the configuration, the fast tokenizer or the weights are missing; the text names the file.
    """
    for name in (CONFIG, TOKENIZER):
        _require(directory, name)
    return EncoderFiles(directory, _weights(directory), directory / TOKENIZER)


def _weights(directory: Path) -> tuple[Path, ...]:
    index = directory / WEIGHTS_INDEX
    if (directory / WEIGHTS).is_file() or not index.is_file():
        return (_require(directory, WEIGHTS),)
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError):
        raise EncoderError(f"encoder {directory}: {WEIGHTS_INDEX} is not an index of weights") from None
    if any(Path(name).name != name for name in names):
        raise EncoderError(f"encoder {directory}: {WEIGHTS_INDEX} points outside the directory")
    return tuple(_require(directory, name) for name in names)


def _require(directory: Path, name: str) -> Path:
    path = directory / name
    if not path.is_file():
        raise EncoderError(f"encoder {directory}: {name} is missing{_HOW_TO_SAVE.get(name, '')}")
    return path


def _from_hub(name: str) -> EncoderFiles:
    from huggingface_hub import snapshot_download

    problem = "the hub cannot be reached"
    for local_only in (True, False):
        try:
            found = snapshot_download(
                name,
                local_files_only=local_only,
                allow_patterns=_HUB_FILES,
                ignore_patterns=["*/*"],
                etag_timeout=_HUB_SECONDS,
            )
            return files_in(Path(found))
        except EncoderError as error:
            problem = str(error)
        # The client raises its own, its transport's and the system's errors; for the user they are all one.
        except Exception as error:
            problem = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
    raise EncoderError(
        f"encoder {name}: there is no such directory, and the hub did not give it ({problem}). "
        "Without access to the hub, copy the encoder here and give its local directory instead of the name."
    ) from None
