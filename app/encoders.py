"""What ``xite encoders`` shows: the shipped encoders, timed here and now."""

from __future__ import annotations

import time
from collections.abc import Iterator

from xite_core.encoder.registry import EncoderInfo, list_encoders, load_encoder
from xite_core.reference import reference_texts

SAMPLE = 512
"""Short sentences that are encoded for the timing."""


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
