"""Template of the rules that look at the gradient of every loss, and the mathematics that they share."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from dmf.errors import ConfigError
from dmf.registry import unknown
from dmf.weighting.base import StepState, Weighting

Gradients = list[tuple[Tensor, ...]]

PLACES = {"parameters": "at the weights of the network", "logits": "at the output of the network"}
"""Where gradients are looked at."""


def gradients(losses: Tensor, inputs: Sequence[Tensor]) -> Gradients:
    """Gradient of each loss at each input, one walk back per loss; the graph is kept for the step's own.

    Args:
        losses: (K,), with gradient; one that has none, or does not depend on an input, gets zeros there.
        inputs: Tensors that require gradient: the parameters of a network, or its output.

    Returns:
        K tuples of one tensor per input, shaped like it; nothing is added to any ``.grad``.
    """
    if not losses.requires_grad:
        return [tuple(torch.zeros_like(one) for one in inputs)] * len(losses)
    with torch.autocast(losses.device.type, enabled=False):
        return [
            torch.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True, materialize_grads=True)
            for loss in losses.unbind()
        ]


def gramian(rows: Gradients, dtype: torch.dtype = torch.float64) -> Tensor:
    """Inner products (K, K) of the gradients of K losses: squared lengths on the diagonal."""
    total = torch.zeros(len(rows), len(rows), dtype=dtype, device=rows[0][0].device)
    with torch.autocast(total.device.type, enabled=False):
        for parts in zip(*rows, strict=True):  # one input at a time, so that no copy of all of them is needed
            matrix = torch.stack([part.reshape(-1) for part in parts]).to(dtype)
            total = total + matrix @ matrix.T
    return total


class GradientWeighting(Weighting):
    """Template of the rules that look at gradients. They need more of a step than its losses: see ``gradient_of``.

    Their total is the weighted sum of the losses with the weights as constants, so its gradient is the weighted sum of
    the losses' gradients. A step with a loss or a gradient that is not finite keeps the last weights and moves no
    state.

    Args:
        gradient_of: ``"parameters"``, the gradient at the weights of the network, as published: the network is walked
            back once more for each loss. ``"logits"``, the gradient at its output: the losses alone are walked back
            once more each, the network is not. That is another method, and is named so ("UPGrad, logit space").

    Raises:
        ConfigError: If ``gradient_of`` is neither; at a step, if what the losses are differentiated by is not known.
    """

    options: ClassVar[tuple[str, ...]] = (*Weighting.options, "gradient_of")
    replayable: ClassVar[bool] = False

    def __init__(self, count: int, *, gradient_of: str = "parameters", **options: Any) -> None:
        super().__init__(count, **options)
        if gradient_of not in PLACES:
            raise ConfigError(unknown("gradient_of", gradient_of, PLACES), "gradient_of")
        self.gradient_of = gradient_of

    def inputs(self, state: StepState) -> tuple[Tensor, ...]:
        """What the losses are differentiated by.

        Raises:
            ConfigError: If it is not known.
        """
        known = state.parameters if self.gradient_of == "parameters" else (state.logits,)
        found = tuple(tensor for tensor in known if tensor is not None and tensor.requires_grad)
        if found:
            return found
        if self.gradient_of == "parameters":
            raise ConfigError(
                f"{type(self).__name__} looks at gradients at the weights of the network, which this Fusion does not "
                "know. Call `fusion.watch(model.parameters())` once, or choose gradient_of='logits'.",
                "weighting",
            )
        raise ConfigError(
            f"{type(self).__name__} looks at gradients at the output of the network, which was not passed. Call the "
            "Fusion with what a LossBank returns, or with `Parts(terms, logits=logits)`, undetached.",
            "weighting",
        )
