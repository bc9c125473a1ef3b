"""Any transformer encoder with a fast tokenizer and safetensors weights (XLM-R, LaBSE, multilingual E5, mDeBERTa)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from xite_core.encoder import loading
from xite_core.encoder.batching import token_batches
from xite_core.encoder.packing import WIDTH, first_position, packed_batches, saves
from xite_core.encoder.pooling import pair_features, pool
from xite_core.encoder.protocol import Tokenized
from xite_core.encoder.source import files_in, find_files
from xite_core.encoder.spec import EncoderSpec
from xite_core.encoder.tokenization import ExampleTokenizer
from xite_core.errors import OptionError
from xite_core.types import BoolArray, Encoded, Example, FloatArray, IntArray

TOKEN_BUDGET = 2048


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Some sequences as tensors on the model's device.

    Parameters
    ----------
    input_ids : Tensor of int64, (n, t)
        Token ids, padded on the right.
    attention_mask : Tensor of int64, (n, t), optional
        1 for tokens, 0 for padding; ``None`` where nothing is padded, which lets attention skip the mask.
    token_type_ids : Tensor of int64, (n, t), optional
        Segments; ``None`` where the model does not use them.
    """

    input_ids: Tensor
    attention_mask: Tensor | None
    token_type_ids: Tensor | None


class TransformersEncoder:
    """Texts or pairs to pooled unit vectors by a model of the transformers library.

    Parameters
    ----------
    spec : EncoderSpec
        The encoder and its choices.
    directory : Path, optional
        Where the files are; by default ``spec.name`` is a local directory or a hub name.
    token_budget : int
        Greatest padded size of a batch; changes speed and memory, not the vectors.
    device : str
        Where the model is put at first; it may be moved later.

    Raises
    ------
    EncoderError
        If the encoder cannot be had or read; remote code is never executed.
    OptionError
        If a choice does not fit the model.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        directory: Path | None = None,
        *,
        token_budget: int = TOKEN_BUDGET,
        device: str = "cpu",
    ) -> None:
        if isinstance(token_budget, bool) or not isinstance(token_budget, int) or token_budget < 1:
            raise OptionError("token_budget", token_budget, "a whole number from 1")
        self.spec = spec
        self.token_budget = token_budget
        self._files = find_files(spec.name) if directory is None else files_in(directory)
        self._model, self._hidden = loading.load_model(self._files, spec)
        self._segments = loading.uses_segments(self._files, self._model)
        self._first = first_position(self._model)
        self._tokenizer = ExampleTokenizer(loading.load_tokenizer(self._files, self._model), spec)
        self._model.to(device)

    @property
    def name(self) -> str:
        """What the user called it."""
        return self.spec.name

    @property
    def directory(self) -> Path:
        """Where configuration, tokenizer and weights were read from."""
        return self._files.directory

    @property
    def dimension(self) -> int:
        """Length of a single text's vector (a pair in ``features`` mode has four times as much)."""
        return int(self._model.config.hidden_size)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over weights, tokenizer and choices *as loaded from disk*; fine-tuning does not change it."""
        return self._files.fingerprint(self.spec)

    @property
    def model(self) -> nn.Module:
        """The underlying model, for fine-tuning: in evaluation mode, without the layers above the chosen one.

        A copy that is saved has the chosen layer as its last, so it is loaded again with ``layer=-1``.
        """
        model: nn.Module = self._model
        return model

    @property
    def layers(self) -> nn.ModuleList | None:
        """The layers that are run, lowest first; ``None`` where the architecture keeps them elsewhere."""
        return loading.layers_of(self._model)

    @property
    def reads_last_layer(self) -> bool:
        """Whether the model's last hidden state is the chosen one: the layers above it, if any, were cut."""
        return self._hidden is None

    def tokenize(self, examples: Sequence[Example]) -> Tokenized:
        """Tokenize texts or pairs; see `Encoder.tokenize`.

        Raises
        ------
        InputError
            If a text is empty, not valid Unicode or without any token, or texts and pairs are mixed.
        """
        return self._tokenizer(examples)

    def forward(self, tokenized: Tokenized) -> FloatArray:
        """Encode without gradient: short sequences several in a row, where the model allows, others by length.

        Returns
        -------
        ndarray of float32, (n, d), or (n, 4d) for pairs in ``features`` mode
            Unit vectors in the order of the examples.
        """
        lengths = np.fromiter(map(len, tokenized.ids), dtype=np.int64, count=len(tokenized.ids))
        vectors = torch.empty((len(lengths), self.dimension), dtype=torch.float32)
        short = self._shared(lengths)
        with torch.inference_mode():
            for rows, pooled in chain(
                self._padded(tokenized, lengths, np.flatnonzero(~short)), self._packed(tokenized, np.flatnonzero(short))
            ):
                vectors[torch.from_numpy(rows)] = pooled.to("cpu", torch.float32)
            result: FloatArray = _joined(vectors, tokenized).numpy()
        return result

    def _shared(self, lengths: IntArray) -> BoolArray:
        """Which sequences share rows."""
        short: BoolArray = (lengths <= WIDTH) & (self._first is not None)
        return short if saves(lengths[short], self.token_budget) else np.zeros_like(short)

    def _padded(self, tokenized: Tokenized, lengths: IntArray, rows: IntArray) -> Iterator[tuple[IntArray, Tensor]]:
        for batch in token_batches(lengths[rows], self.token_budget):
            yield rows[batch], self.pooled(self.collate(tokenized, rows[batch]))

    def _packed(self, tokenized: Tokenized, rows: IntArray) -> Iterator[tuple[IntArray, Tensor]]:
        if not len(rows) or self._first is None:
            return
        for batch in packed_batches(tokenized, rows, self._first, self.token_budget, segments=self._segments):
            batch = batch.to(self._model.device)
            given = {"input_ids": batch.input_ids, "position_ids": batch.position_ids}
            hidden = self._run(given | {"attention_mask": batch.attention_mask}, batch.token_type_ids)
            yield batch.sequences, batch.pool(hidden, self.spec.pooling)

    def encode(self, examples: Sequence[Example]) -> Encoded:
        """`tokenize`, then `forward`."""
        tokenized = self.tokenize(examples)
        return tokenized.encoded(self.forward(tokenized))

    def warmup(self) -> None:
        """Run once on a short text."""
        self.encode([Example("warm-up")])

    def embed(self, tokenized: Tokenized) -> Tensor:
        """Differentiable `forward` in one padded batch.

        Returns
        -------
        Tensor of float32, (n, d), or (n, 4d) for pairs in ``features`` mode
            Unit vectors on the model's device.
        """
        return _joined(self.pooled(self.collate(tokenized, np.arange(len(tokenized.ids)))), tokenized)

    def pooled(self, batch: TokenBatch) -> Tensor:
        """Differentiable: unit vectors, float32 (n, d), of a batch of sequences."""
        given = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        return pool(self._run(given, batch.token_type_ids), batch.attention_mask, self.spec.pooling)

    def _run(self, given: Mapping[str, Tensor | None], token_type_ids: Tensor | None) -> Tensor:
        """Vectors of the tokens at the chosen layer."""
        if token_type_ids is not None:
            given = {**given, "token_type_ids": token_type_ids}
        if self._hidden is None:
            last: Tensor = self._model(**given).last_hidden_state
            return last
        chosen: Tensor = self._model(**given, output_hidden_states=True).hidden_states[self._hidden]
        return chosen

    def collate(self, tokenized: Tokenized, rows: IntArray) -> TokenBatch:
        """Tensors of some sequences (int64 indices into ``tokenized.ids``), padded to the longest of them."""
        lengths = np.array([len(tokenized.ids[row]) for row in rows])
        width = int(lengths.max(initial=1))
        device = self._model.device
        mask = np.arange(width) < lengths[:, None]
        ids = np.full(mask.shape, self._padding, dtype=np.int64)
        ids[mask] = np.concatenate([tokenized.ids[row] for row in rows]) if len(rows) else 0
        segments = None
        if self._segments and any(1 in tokenized.type_ids[row] for row in rows):
            table = np.zeros_like(ids)
            table[mask] = np.concatenate([tokenized.type_ids[row] for row in rows])
            segments = torch.from_numpy(table).to(device)
        padded = None if mask.all() else torch.from_numpy(mask.astype(np.int64)).to(device)
        return TokenBatch(torch.from_numpy(ids).to(device), padded, segments)

    @property
    def _padding(self) -> int:
        return int(self._model.config.pad_token_id or 0)


def _joined(vectors: Tensor, tokenized: Tokenized) -> Tensor:
    """Turn vectors of sequences into those of examples: a pair in ``features`` mode is two sequences."""
    if len(tokenized.ids) == len(tokenized.n_tokens):
        return vectors
    return pair_features(vectors[0::2], vectors[1::2])
