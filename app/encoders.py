"""Encoders by the names that users give, and what ``xite encoders`` shows: the shipped ones, timed here and now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xite_core.encoder.registry import EncoderInfo, default_spec, list_encoders, load_encoder
from xite_core.encoder.spec import EncoderSpec
from xite_core.reference import reference_texts

SAMPLE = 512
"""Short sentences that are encoded for the timing."""


def encoder_spec(choices: Mapping[str, Any]) -> EncoderSpec:
    """The spec of an encoder by name; a local directory by its absolute path, so that any process finds it."""
    name = choices["name"]
    shipped = [encoder.name for encoder in list_encoders()]
    if name not in shipped and Path(name).expanduser().is_dir():
        name = str(Path(name).expanduser().absolute())
    return EncoderSpec.from_dict({**default_spec(name).as_dict(), **choices, "name": name})


def measured_encoders() -> Iterator[tuple[EncoderInfo, str]]:
    """Each shipped encoder with its speed in short sentences a second."""
    texts = reference_texts()
    per_language = SAMPLE // len(texts)
    sample = [example for examples in texts.values() for example in examples[:per_language]]
    for info in list_encoders():
        if not info.available:
            yield info, "not installed"
            continue
        encoder = load_encoder(info.name)
        encoder.warmup()
        start = time.perf_counter()
        encoder.encode(sample)
        yield info, f"{len(sample) / (time.perf_counter() - start):,.0f}"
