"""Learning rate over the steps, and AdamW with its state as named tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.999)
EPSILON = 1e-8


def rate_factor(step: int, total: int, warmup: float) -> float:
    """Share of the peak rate in a step: a linear rise over the first steps, then a linear fall to 0.

    Parameters
    ----------
    step : int
        From 0.
    total : int
        Number of steps.
    warmup : float
        Share of the steps in the rise.
    """
    rise = round(warmup * total)
    if step < rise:
        return (step + 1) / rise
    return max(total - step, 0) / max(total - rise, 1)


class AdamW:
    """AdamW (Loshchilov and Hutter 2019), step by step that of torch.

    Written out because torch's own imports its compiler first, which takes seconds of every short job, and numbers its
    state by position where a checkpoint wants names.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        What is trained.
    rates : mapping of str to float
        Peak learning rates, by the same names.
    weight_decay : float
        Of matrices; vectors (biases, norms) have none.
    clip_norm : float
        Greatest norm of the whole gradient.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        rates: Mapping[str, float],
        weight_decay: float,
        clip_norm: float,
    ) -> None:
        self._parameters, self._rates = dict(parameters), dict(rates)
        self._decay, self._clip = weight_decay, clip_norm
        self._first = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
        self._second = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
        self._steps = 0

    def step(self, loss: Tensor, factor: float) -> None:
        """One update at ``factor`` times the peak rates."""
        for parameter in self._parameters.values():
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters.values(), self._clip)
        self._steps += 1
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                if parameter.grad is not None:
                    self._update(name, parameter, parameter.grad, factor * self._rates[name])

    def _update(self, name: str, parameter: Tensor, gradient: Tensor, rate: float) -> None:
        if parameter.ndim > 1:
            parameter.mul_(1 - rate * self._decay)
        first, second = self._first[name], self._second[name]
        first.lerp_(gradient, 1 - BETAS[0])
        second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        size = rate / (1 - BETAS[0] ** self._steps)
        scale = (second.sqrt() / math.sqrt(1 - BETAS[1] ** self._steps)).add_(EPSILON)
        parameter.addcdiv_(first, scale, value=-size)

    def state(self) -> dict[str, Tensor]:
        """Both moments as ``first/<parameter>`` and ``second/<parameter>``, and the number of steps."""
        moments = {"first": self._first, "second": self._second}
        named = {f"{moment}/{name}": value for moment, values in moments.items() for name, value in values.items()}
        return {**named, "steps": torch.tensor(self._steps)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up what `state` gave."""
        self._steps = int(state["steps"])
        for name in self._parameters:
            self._first[name].copy_(state[f"first/{name}"])
            self._second[name].copy_(state[f"second/{name}"])
