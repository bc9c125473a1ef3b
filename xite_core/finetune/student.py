"""What is trained: a head on stored vectors, or a head and (a part of) the encoder below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from xite_core.encoder.batching import token_batches
from xite_core.encoder.pooling import pair_features
from xite_core.encoder.protocol import Encoder, Tokenized
from xite_core.encoder.transformers_encoder import TransformersEncoder
from xite_core.errors import EncoderMismatchError, OptionError
from xite_core.finetune.corpus import Snapshot
from xite_core.finetune.head import Head
from xite_core.finetune.lora import Adapters, load_peft
from xite_core.finetune.options import FULL, FineTuneOptions
from xite_core.types import Example, FloatArray, IntArray

HEAD_RATE = 1e-3
"""Learning rate of the head where the encoder moves with its own, smaller one (ours)."""

_HEAD = "head."
_ENCODER = "encoder."


class Student(Protocol):
    """A trainable model over the rows of a corpus."""

    linear: nn.Linear

    def ends(self, anchors: IntArray, targets: IntArray) -> tuple[Tensor, Tensor]:
        """Unit vectors of anchor rows and target rows, float32 (a, d) and (t, d)."""

    def judged(self, snapshot: Snapshot) -> tuple[FloatArray, FloatArray]:
        """Vectors of the held-out English rows and the target texts, as the head takes them."""

    def parameters(self) -> dict[str, nn.Parameter]:
        """Trained parameters by name."""

    def rates(self, options: FineTuneOptions) -> dict[str, float]:
        """Peak learning rate of each parameter."""

    def train(self) -> None:
        """Switch dropout on in the parts that are trained."""


class HeadStudent:
    """A linear head on stored vectors.

    Parameters
    ----------
    head : Head
        Where it starts.
    anchors, targets : ndarray of float32, (n, d) and (m, d)
        Unit vectors.
    judged : pair of ndarray of float32, (v, d) and (m, d), optional
        Held-out English rows and target texts, where the head takes other vectors than the snapshot's.
    """

    def __init__(
        self,
        head: Head,
        anchors: FloatArray,
        targets: FloatArray,
        judged: tuple[FloatArray, FloatArray] | None = None,
    ) -> None:
        self.linear = linear_of(head)
        self._anchors, self._targets, self._judged = anchors, targets, judged

    def ends(self, anchors: IntArray, targets: IntArray) -> tuple[Tensor, Tensor]:
        """Look the vectors up."""
        return torch.from_numpy(self._anchors[anchors]), torch.from_numpy(self._targets[targets])

    def judged(self, snapshot: Snapshot) -> tuple[FloatArray, FloatArray]:
        """The given ones, else the snapshot's."""
        return self._judged or (snapshot.validation, snapshot.target)

    def parameters(self) -> dict[str, nn.Parameter]:
        """Weight and bias of the head."""
        return {_HEAD + name: parameter for name, parameter in self.linear.named_parameters()}

    def rates(self, options: FineTuneOptions) -> dict[str, float]:
        """The same for both."""
        return dict.fromkeys(self.parameters(), options.rate)

    def train(self) -> None:
        """Nothing to switch."""


class EncoderStudent:
    """A head and the encoder below it; layers under the upper n are frozen and run without a graph.

    With ``lora_rank`` the trained layers are frozen too, and adapters in them are trained; `merge` ends that.

    Parameters
    ----------
    head : Head
        Where the head starts.
    encoder : TransformersEncoder
        A copy of one's own: it is changed.
    options : FineTuneOptions
        The depth, and the rank of adapters.
    anchors, targets : sequence of Example
        The rows that `ends` refers to.

    Raises
    ------
    OptionError
        If the encoder has not that many layers, or cannot have adapters.
    """

    def __init__(
        self,
        head: Head,
        encoder: TransformersEncoder,
        options: FineTuneOptions,
        anchors: Sequence[Example],
        targets: Sequence[Example],
    ) -> None:
        self.encoder = encoder
        self.linear = linear_of(head).to(next(encoder.model.parameters()).device)
        self._trained = _thaw(encoder, options)
        self._adapters = Adapters(encoder.model, self._trained, options) if options.lora_rank is not None else None
        self._anchors, self._targets = encoder.tokenize(anchors), encoder.tokenize(targets)

    def ends(self, anchors: IntArray, targets: IntArray) -> tuple[Tensor, Tensor]:
        """Encode with gradient, texts of similar length together."""
        return self._encoded(self._anchors, anchors), self._encoded(self._targets, targets)

    def judged(self, snapshot: Snapshot) -> tuple[FloatArray, FloatArray]:
        """The snapshot's."""
        return snapshot.validation, snapshot.target

    def parameters(self) -> dict[str, nn.Parameter]:
        """The head's, and those of the encoder that are trained."""
        named = {_HEAD + name: parameter for name, parameter in self.linear.named_parameters()}
        for name, parameter in self.encoder.model.named_parameters():
            if parameter.requires_grad:
                named[_ENCODER + name] = parameter
        return named

    def rates(self, options: FineTuneOptions) -> dict[str, float]:
        """The options' rate for the encoder, at least `HEAD_RATE` for the head."""
        head = max(options.rate, HEAD_RATE)
        return {name: head if name.startswith(_HEAD) else options.rate for name in self.parameters()}

    def train(self) -> None:
        """Dropout in the trained layers only, so that the frozen ones stay what they are."""
        self.encoder.model.eval()
        for module in self._trained:
            module.train()

    def merge(self) -> None:
        """Put adapters into the encoder's weights; after that the encoder is plain and no longer trained."""
        if self._adapters is not None:
            self._adapters.merge()
            self._adapters = None

    def _encoded(self, texts: Tokenized, rows: IntArray) -> Tensor:
        sides = len(texts.ids) // max(len(texts.n_tokens), 1)  # 2 for pairs in features mode
        sequences = (rows[:, None] * sides + np.arange(sides)).ravel()
        lengths = np.array([len(texts.ids[row]) for row in sequences], np.int64)
        parts, order = [], []
        for batch in token_batches(lengths, self.encoder.token_budget):
            parts.append(self.encoder.pooled(self.encoder.collate(texts, sequences[batch])))
            order.append(batch)
        if not parts:
            return self.linear.weight.new_zeros((0, self.linear.in_features))
        back = torch.from_numpy(np.argsort(np.concatenate(order))).to(parts[0].device)
        vectors = torch.cat(parts)[back]
        return pair_features(vectors[0::2], vectors[1::2]) if sides == 2 else vectors


def own_encoder(encoder: Encoder, options: FineTuneOptions) -> TransformersEncoder:
    """A copy of the encoder that may be trained, read from its files again.

    Raises
    ------
    OptionError
        If it has no layers to train, or there is no GPU (or no peft, for adapters) where one is asked for.
    EncoderMismatchError
        If its files have changed since it was loaded.
    """
    if not isinstance(encoder, TransformersEncoder):
        raise OptionError("depth", options.depth, f"'head': encoder {encoder.name!r} has no layers to train")
    if options.lora_rank is not None:
        load_peft(options)  # to tell of its absence before hours of work
    own = TransformersEncoder(
        encoder.spec, encoder.directory, token_budget=encoder.token_budget, device=chosen_device(options.device)
    )
    if own.fingerprint != encoder.fingerprint:
        raise EncoderMismatchError(f"encoder {encoder.name!r}: its files in {encoder.directory} have changed meanwhile")
    return own


def chosen_device(wanted: str) -> str:
    """``cpu`` or ``cuda``.

    Raises
    ------
    OptionError
        If there is no GPU where one is asked for.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise OptionError("device", wanted, "'cpu' or 'auto': there is no GPU that torch can use")
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


def linear_of(head: Head) -> nn.Linear:
    """The head as a module."""
    linear = nn.Linear(head.weight.shape[1], head.weight.shape[0])
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(head.weight))
        linear.bias.copy_(torch.from_numpy(head.bias))
    return linear


def head_of(student: Student) -> Head:
    """The head as it is now."""
    linear = student.linear
    return Head(linear.weight.detach().cpu().numpy().copy(), linear.bias.detach().cpu().numpy().copy())


def load_weights(student: Student, weights: Mapping[str, Tensor]) -> None:
    """Put stored values into the trained parameters."""
    with torch.no_grad():
        for name, parameter in student.parameters().items():
            parameter.copy_(weights[name])


def _thaw(encoder: TransformersEncoder, options: FineTuneOptions) -> list[nn.Module]:
    """Freeze what is not trained and give the modules that are."""
    if options.depth == FULL:
        encoder.model.requires_grad_(True)
        return [encoder.model]
    layers, count = encoder.layers, options.top_layers or 0
    if layers is None:
        raise OptionError("depth", options.depth, f"'head' or 'full': encoder {encoder.name!r} hides its layers")
    if count > len(layers):
        raise OptionError("depth", options.depth, f"at most 'top:{len(layers)}' for encoder {encoder.name!r}")
    encoder.model.requires_grad_(False)
    trained = list(layers)[len(layers) - count :]
    for layer in trained:
        layer.requires_grad_(True)
    return trained
