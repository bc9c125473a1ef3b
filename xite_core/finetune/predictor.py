"""Labels and probabilities by a bundle's fine-tuned head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from xite_core.bundle.bundle import Bundle, check_encoder, check_form
from xite_core.bundle.derive import HEAD_FILE, has_head
from xite_core.encoder.protocol import Encoder
from xite_core.errors import BundleDamagedError, InputError
from xite_core.finetune.head import read_head
from xite_core.lexicon import bag_of
from xite_core.types import Encoded, Example, FloatArray


class Prediction(NamedTuple):
    """Predicted labels and float32 (n, C) probabilities, in the order of the bundle's labels."""

    labels: list[str]
    probabilities: FloatArray


class Predictor:
    """Classifies texts in any language that the encoder knows.

    Parameters
    ----------
    bundle : Bundle
        With a head.
    encoder : Encoder
        What `bundle_encoder` loads for it.

    Raises
    ------
    InputError
        If the bundle has no head.
    EncoderMismatchError
        If the head belongs to another encoder.
    BundleDamagedError
        If the head does not fit the bundle.
    """

    def __init__(self, bundle: Bundle, encoder: Encoder) -> None:
        if not has_head(bundle):
            raise InputError(
                f"bundle {bundle.name!r} revision {bundle.revision} has no head; fine-tune it, or name a revision that "
                "was fine-tuned"
            )
        check_encoder(bundle, encoder)
        self.bundle, self.encoder = bundle, encoder
        self.head = read_head(bundle.directory / HEAD_FILE)
        if self.head.weight.shape != (len(bundle.labels), bundle.manifest.dimension):
            raise BundleDamagedError(f"{bundle.directory / HEAD_FILE}: shape {self.head.weight.shape} does not fit")

    def predict(self, examples: Sequence[Example], *, encoded: Encoded | None = None) -> Prediction:
        """Classify.

        Parameters
        ----------
        examples : sequence of Example
            Texts, or pairs where the bundle holds pairs.
        encoded : Encoded, optional
            Their vectors, where the caller has encoded them already.

        Raises
        ------
        RowError
            If a text is empty, or pairs are given to a bundle of single texts or the reverse.
        """
        self.check(examples)
        if not examples:
            return Prediction([], self.head.probabilities(self.bundle.anchors.vectors[:0]))
        vectors = (encoded or self.encoder.encode(examples)).vectors
        bag = bag_of(self.encoder.tokenize(examples).ids, len(examples)) if self.head.lexicon else None
        probabilities = self.head.probabilities(vectors, bag)
        return Prediction([self.bundle.labels[code] for code in probabilities.argmax(1)], probabilities)

    def check(self, examples: Sequence[Example]) -> None:
        """Refuse pairs for a bundle of single texts and the reverse.

        Raises
        ------
        RowError
            Names the first such text.
        """
        check_form(self.bundle, examples)
