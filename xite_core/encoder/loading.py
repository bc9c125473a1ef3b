"""Reads a model and its tokenizer from local files: built-in classes only, fp32, without noise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from xite_core.encoder.source import CONFIG, TOKENIZER, EncoderFiles
from xite_core.encoder.spec import EncoderSpec
from xite_core.errors import EncoderError, OptionError

_ABSENT_IS_FINE = ("pooler.", "position_ids")
#: Nothing follows the last layer here, so a shorter stack ends in the same hidden state (not so in XLM-R-XL).
_PLAIN_STACKS = frozenset({"bert", "camembert", "deberta-v2", "electra", "mpnet", "roberta", "xlm-roberta"})


def load_model(files: EncoderFiles, spec: EncoderSpec) -> tuple[Any, int | None]:
    """Load the model in fp32 and evaluation mode, without the layers above the chosen one where these can be cut.

    Returns
    -------
    model : PreTrainedModel
        The model, without a pooler.
    index : int or None
        Which hidden state to read; ``None`` where it is the last.

    Raises
    ------
    EncoderError
        If the directory asks for remote code, the weights do not fit, or the files cannot be read.
    OptionError
        If ``layer`` or ``max_tokens`` is more than the model has.
    """
    model, missing = _read(files)
    if missing:
        raise EncoderError(f"encoder {files.directory}: the weights lack {_few(missing)}; they are of another model")
    model.pooler = None
    _check_length(model, spec)
    return model.eval(), _cut_layers(model, _layer(model, spec))


def _read(files: EncoderFiles) -> tuple[Any, list[str]]:
    """Give the model and the parameters that its weights lack."""
    from transformers import AutoModel

    try:
        with _quiet():
            model, report = AutoModel.from_pretrained(
                str(files.directory),
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
    # transformers raises whatever the broken part happens to raise.
    except Exception as error:
        raise EncoderError(f"encoder {files.directory}: {_first_line(error)}") from error
    missing = sorted(key for key in report["missing_keys"] if not any(part in key for part in _ABSENT_IS_FINE))
    return model, missing


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    if "trust_remote_code" in text:
        return f"{CONFIG} asks for code of its own, which is never executed; only built-in architectures are loaded"
    return text.splitlines()[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep progress bars and reports of unused weights off the terminal: what matters is raised."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(CRITICAL)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _check_length(model: Any, spec: EncoderSpec) -> None:
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    if not isinstance(table, nn.Embedding):
        return  # relative positions have no end
    # RoBERTa's kin count positions from the padding index on.
    most = table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
    if spec.max_tokens > most:
        raise OptionError("max_tokens", spec.max_tokens, f"at most {most} for the encoder {spec.name}")


def _layer(model: Any, spec: EncoderSpec) -> int:
    """Count the spec's layer from 0 (the embeddings) on."""
    layers = int(model.config.num_hidden_layers)
    index = spec.layer if spec.layer >= 0 else layers + 1 + spec.layer
    if not 0 <= index <= layers:
        raise OptionError("layer", spec.layer, f"from {-layers - 1} to {layers} for the encoder {spec.name}")
    return index


def layers_of(model: Any) -> nn.ModuleList | None:
    """Find the list of layers where the architecture has ``encoder.layer``."""
    layers = getattr(getattr(model, "encoder", None), "layer", None)
    return layers if isinstance(layers, nn.ModuleList) else None


def _cut_layers(model: Any, index: int) -> int | None:
    layers = layers_of(model)
    if layers is None or model.config.model_type not in _PLAIN_STACKS:
        return index
    del layers[index:]
    # What is saved after fine-tuning has as many layers as its configuration says.
    model.config.num_hidden_layers = index
    return None


def load_tokenizer(files: EncoderFiles, model: Any) -> Tokenizer:
    """Load the fast tokenizer, without the padding and truncation that its file may ask for.

    Raises
    ------
    EncoderError
        If it cannot be read or has more tokens than the model.
    """
    try:
        tokenizer = Tokenizer.from_file(str(files.tokenizer))
    # tokenizers raises a bare Exception.
    except Exception as error:
        raise EncoderError(f"encoder {files.directory}: {TOKENIZER} cannot be read ({error})") from error
    rows = int(model.get_input_embeddings().num_embeddings)
    if tokenizer.get_vocab_size() > rows:
        raise EncoderError(
            f"encoder {files.directory}: {TOKENIZER} has {tokenizer.get_vocab_size()} tokens, the model {rows}"
        )
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def uses_segments(files: EncoderFiles, model: Any) -> bool:
    """Tell whether the model was trained to be told which side of a pair a token is on.

    XLM-R's tokenizer.json marks the sides, yet its models (and BERT models that use it, such as multilingual-E5) never
    saw the marks.
    """
    if int(getattr(model.config, "type_vocab_size", 0) or 0) < 2:
        return False
    path = files.directory / "tokenizer_config.json"
    try:
        settings = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError:
        raise EncoderError(f"encoder {files.directory}: {path.name} is not JSON") from None
    if "model_input_names" in settings:
        return "token_type_ids" in settings["model_input_names"]
    return "Roberta" not in str(settings.get("tokenizer_class"))
