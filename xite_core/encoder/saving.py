"""Writes a tuned encoder in the layout that encoders are read from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, cast

import torch

from xite_core.encoder.loading import _quiet
from xite_core.encoder.source import TOKENIZER
from xite_core.encoder.spec import EncoderSpec
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.storage import atomic_directory

_COPIED = (TOKENIZER, "tokenizer_config.json")


def save_encoder(encoder: TransformersEncoder, directory: Path, dtype: str = "float32") -> EncoderSpec:
    """Write configuration, weights and tokenizer.

    Parameters
    ----------
    encoder : TransformersEncoder
        With the weights that it has now.
    directory : Path
        Replaced if it exists.
    dtype : str
        ``float32`` or ``float16``, of the stored weights; they are read as float32 again.

    Returns
    -------
    EncoderSpec
        With which the copy gives the same vectors.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    model, kind = cast(Any, encoder.model), getattr(torch, dtype)
    weights = {
        name: value.detach().to("cpu", kind if value.is_floating_point() else value.dtype).contiguous()
        for name, value in model.state_dict().items()
    }
    shutil.rmtree(directory, ignore_errors=True)
    with atomic_directory(directory) as temporary:
        with _quiet():
            model.save_pretrained(temporary, state_dict=weights)
        for name in _COPIED:
            if (encoder.directory / name).is_file():
                shutil.copyfile(encoder.directory / name, temporary / name)
    return EncoderSpec.from_dict({**encoder.spec.as_dict(), "layer": _layer(encoder)})


def _layer(encoder: TransformersEncoder) -> int:
    """-1 where the layers above the chosen one were cut; the chosen one where the architecture forbids that."""
    return -1 if encoder.reads_last_layer else encoder.spec.layer
