"""Low-rank adapters (LoRA; Hu et al. 2022) beside an encoder's linear maps, by the package peft."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from xite_core.errors import OptionError
from xite_core.finetune.options import FineTuneOptions
from xite_core.finetune.seeding import seeded

SCALE = 2
"""What a low-rank product is multiplied by (alpha / rank), the same at every rank (ours)."""

INSTALL = "pip install 'xite-service[lora]'"


class Adapters:
    """Adapters of rank r inside a model: a frozen map W of shape (o, i) becomes ``W + SCALE * B @ A``.

    A of shape (r, i) begins as random numbers of the options' seed and B of shape (o, r) as 0, float32 both, so that
    the model is at first what it was. All other parameters of the model are frozen.

    Parameters
    ----------
    model : Module
        Changed in place until `merge`.
    trained : sequence of Module
        The parts of it that get adapters, at each linear map in them.
    options : FineTuneOptions
        Rank and seed.

    Raises
    ------
    OptionError
        If peft is not installed, or the parts have no linear maps.
    """

    def __init__(self, model: nn.Module, trained: Sequence[nn.Module], options: FineTuneOptions) -> None:
        peft, rank = load_peft(options), options.lora_rank or 0
        names = linear_maps(model, trained)
        if not names:
            raise OptionError("lora_rank", options.lora_rank, "null: this encoder's layers have no linear maps")
        config = peft.LoraConfig(r=rank, lora_alpha=SCALE * rank, target_modules=names)
        with seeded(options.seed):
            # get_peft_model wraps the same in what it needs for generation, and warns on transformers 5
            self._tuner: Any = peft.LoraModel(model, config, "default")

    def merge(self) -> None:
        """Add the products to the frozen weights and take the adapters out: the model is a plain one again."""
        self._tuner.merge_and_unload()


def load_peft(options: FineTuneOptions) -> Any:
    """Import peft: only here, since it is an extra and takes time.

    Raises
    ------
    OptionError
        If it is not installed.
    """
    try:
        import peft
    except ImportError as error:
        raise OptionError("lora_rank", options.lora_rank, f"null, since peft is missing: {INSTALL}") from error
    return peft


def linear_maps(model: nn.Module, parts: Sequence[nn.Module]) -> list[str]:
    """Full names of the linear maps in some parts of a model, in the model's order."""
    inside = {module for part in parts for module in part.modules() if isinstance(module, nn.Linear)}
    return [name for name, module in model.named_modules() if module in inside]
