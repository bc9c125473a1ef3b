"""Text to unit vectors: the Encoder protocol, its backends and their registry.

The module `transformers_encoder` is not imported here: it brings torch, and `load_encoder` imports it when needed.
"""

from xite_core.encoder.hashing import HashingEncoder
from xite_core.encoder.protocol import Encoder, Tokenized
from xite_core.encoder.registry import EncoderInfo, list_encoders, load_encoder
from xite_core.encoder.spec import EncoderSpec, PairMode, Pooling

__all__ = [
    "Encoder",
    "EncoderInfo",
    "EncoderSpec",
    "HashingEncoder",
    "PairMode",
    "Pooling",
    "Tokenized",
    "list_encoders",
    "load_encoder",
]
