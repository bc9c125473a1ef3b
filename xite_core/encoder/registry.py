"""Encoders by name. Torch and transformers are imported only when an encoder that needs them is loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from xite_core.encoder import hashing
from xite_core.encoder.protocol import Encoder
from xite_core.encoder.spec import EncoderSpec
from xite_core.errors import EncoderError

XITE_MINI = "xite-mini"
_MINI_FOLDER = "xite_mini"
_MINI_CARD = "xite_encoder.json"
_MINI_WEIGHTS = "model.safetensors"
_MINI_DESCRIPTION = "Multilingual sentence encoder that comes with the package; runs offline on a CPU."
_HASHING_DESCRIPTION = "Hashed character n-grams, no weights, no meaning across languages; for tests and smoke runs."


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """An encoder that comes with the package.

    Parameters
    ----------
    name : str
        What `load_encoder` takes.
    path : Path, optional
        Its directory; ``None`` for one without files.
    size_bytes : int
        Size of its files; 0 where it has none.
    languages : tuple of str
        Tags of the languages it was trained on; empty where it was not trained or does not say.
    description : str
        One sentence.
    available : bool
        Whether its files are there.
    """

    name: str
    path: Path | None
    size_bytes: int
    languages: tuple[str, ...]
    description: str
    available: bool


def default_spec(name: str) -> EncoderSpec:
    """Make the spec of an encoder that is only named."""
    return EncoderSpec(name, max_tokens=hashing.MAX_CHARACTERS) if name == hashing.NAME else EncoderSpec(name)


def load_encoder(spec: EncoderSpec | str) -> Encoder:
    """Load an encoder by its spec, or by its name with default choices.

    Parameters
    ----------
    spec : EncoderSpec or str
        ``xite-mini`` (comes with the package), ``hashing`` (no weights), a local directory or a hub name.

    Raises
    ------
    EncoderError
        If it cannot be had or read.
    OptionError
        If a choice does not fit it.
    """
    chosen = default_spec(spec) if isinstance(spec, str) else spec
    if chosen.name == hashing.NAME:
        return hashing.HashingEncoder(chosen)
    directory = _mini_directory_with_weights() if chosen.name == XITE_MINI else None
    from xite_core.encoder.transformers_encoder import TransformersEncoder

    return TransformersEncoder(chosen, directory)


def list_encoders() -> list[EncoderInfo]:
    """List the encoders that come with the package."""
    return [_mini_info(), EncoderInfo(hashing.NAME, None, 0, (), _HASHING_DESCRIPTION, True)]


def mini_directory() -> Path:
    """Tell where the weights of ``xite-mini`` belong; the directory may be absent."""
    return Path(str(resources.files("xite_core.encoder").joinpath(_MINI_FOLDER)))


def _mini_directory_with_weights() -> Path:
    directory = mini_directory()
    if not (directory / _MINI_WEIGHTS).is_file():
        raise EncoderError(
            f"encoder {XITE_MINI}: its weights are not in this installation ({directory / _MINI_WEIGHTS}); "
            "reinstall the package, or give another encoder by local directory"
        )
    return directory


def _mini_info() -> EncoderInfo:
    directory = mini_directory()
    files = [path for path in directory.glob("*") if path.is_file()]
    card = _card(directory)
    return EncoderInfo(
        name=XITE_MINI,
        path=directory,
        size_bytes=sum(path.stat().st_size for path in files),
        languages=tuple(map(str, card.get("languages", ()))),
        description=str(card.get("description", _MINI_DESCRIPTION)),
        available=(directory / _MINI_WEIGHTS).is_file(),
    )


def _card(directory: Path) -> dict[str, Any]:
    try:
        card = json.loads((directory / _MINI_CARD).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}
