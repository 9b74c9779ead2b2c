"""Template of the rules that look at the gradient of every loss, and the mathematics that they share."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.registry import unknown
from dmf.weighting.base import StepState, Weighting
from dmf.weighting.host import can_read
from dmf.weighting.options import StartOptions, WeightingOptions

Gradients = list[tuple[Tensor, ...]]

PLACES = {"parameters": "at the weights of the network", "logits": "at the output of the network"}
"""Where gradients are looked at."""

_START = 16  # losses are scaled by 2^16 where nothing tells by how much, as a gradient scaler begins
_TARGET = -3  # as a power of two, what the largest gradient at the output is scaled to at most
_FALLBACK = 8  # and by 2^8 less, twice, where that is too much


def gradients(
    losses: Tensor, inputs: Sequence[Tensor], output: Tensor | None = None, *, can_wait: bool = False
) -> Gradients:
    """Gradient of each loss at each input, one walk back per loss; the graph is kept for the step's own.

    Where the network computes in float16, whose numbers end at 6e-8, every loss is scaled by a power of two on its way
    back, and its gradient, in float32, is taken back by the same. Elsewhere that would change no bit, and is not done.

    Args:
        losses: (K,), with gradient; one that has none, or does not depend on an input, gets zeros there.
        inputs: Tensors that require gradient: the parameters of a network, or its output.
        output: The network's output, by which the scale is chosen; 2^16 where it is not known.
        can_wait: Whether the host may wait for the device, which saves trying smaller scales that are not needed.

    Returns:
        K tuples of one tensor per input, shaped like it; nothing is added to any ``.grad``.

    Raises:
        ConfigError: If no loss depends on any of the inputs.
    """
    if not losses.requires_grad:
        return [tuple(torch.zeros_like(one) for one in inputs)] * len(losses)
    with torch.autocast(losses.device.type, enabled=False):
        if _is_half(losses):
            rows = [_scaled_row(one, inputs, _first_scale(one, output), can_wait) for one in losses.unbind()]
        else:
            rows = [_row(loss, inputs) for loss in losses.unbind()]
    if all(part is None for row in rows for part in row):
        raise ConfigError(
            "No loss depends on the tensors at which gradients are to be looked at. Name the parameters of the network "
            "that the losses are computed with, `fusion.watch(model.parameters())`, and pass the losses undetached.",
            "weighting",
        )
    return [
        tuple(torch.zeros_like(one) if part is None else part for part, one in zip(row, inputs, strict=True))
        for row in rows
    ]


def _row(loss: Tensor, inputs: Sequence[Tensor], scale: Tensor | None = None) -> tuple[Tensor | None, ...]:
    gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
        loss, inputs, grad_outputs=scale, retain_graph=True, allow_unused=True
    )
    return gradients


def _first_scale(loss: Tensor, output: Tensor | None) -> Tensor:
    """A power of two () with which the largest gradient at the output is between 1/16 and 1/8."""
    start = loss.new_full((), 2.0**_START)
    slope = _row(loss, (output,), start)[0] if output is not None and output.requires_grad else None
    if slope is None:
        return start
    most = slope.float().abs().amax()
    exponent = _START + _TARGET - torch.frexp(most).exponent
    usable = torch.isfinite(most) & (most > 0)
    return torch.where(usable, torch.ldexp(torch.ones_like(start), exponent.clamp(-24, 40)), start)


def _scaled_row(loss: Tensor, inputs: Sequence[Tensor], scale: Tensor, can_wait: bool) -> tuple[Tensor | None, ...]:
    """The gradient with the largest of three scales that no number of it is too large for."""
    row, fits = _unscaled(loss, inputs, scale)
    for _ in range(2):
        if (can_wait or can_read(fits)) and bool(fits):
            break
        scale = scale / 2.0**_FALLBACK
        smaller, fits_too = _unscaled(loss, inputs, scale)
        pairs = zip(row, smaller, strict=True)
        row = tuple(None if old is None or new is None else torch.where(fits, old, new) for old, new in pairs)
        fits = fits | fits_too
    return row


def _unscaled(loss: Tensor, inputs: Sequence[Tensor], scale: Tensor) -> tuple[tuple[Tensor | None, ...], Tensor]:
    """The gradient by way of a scale, at least in float32, and whether it is finite."""
    row = _row(loss, inputs, scale)
    wide = [None if part is None else part.to(torch.promote_types(part.dtype, torch.float32)) for part in row]
    flags = [part.isfinite().all() for part in wide if part is not None]
    fits = torch.stack(flags).all() if flags else torch.ones_like(scale, dtype=torch.bool)
    return tuple(None if part is None else part / scale for part in wide), fits


def _is_half(losses: Tensor) -> bool:
    """Whether anything that the losses were computed from is of float16."""
    open_nodes: list[Any] = [losses.grad_fn]
    seen: set[Any] = set()
    while open_nodes:
        node = open_nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if any(one.dtype == torch.float16 for one in node._input_metadata):
            return True
        open_nodes += [following for following, _ in node.next_functions]
    return False


def gramian(rows: Gradients, dtype: torch.dtype = torch.float64) -> Tensor:
    """Inner products (K, K) of the gradients of K losses: squared lengths on the diagonal."""
    total = torch.zeros(len(rows), len(rows), dtype=dtype, device=rows[0][0].device)
    with torch.autocast(total.device.type, enabled=False):
        for parts in zip(*rows, strict=True):  # one input at a time, so that no copy of all of them is needed
            matrix = torch.stack([part.reshape(-1) for part in parts]).to(dtype)
            total = total + matrix @ matrix.T
    return total


class GradientOptions(WeightingOptions):
    """Options of the rules that look at gradients."""

    gradient_of: Literal["parameters", "logits"] = Field(
        "parameters",
        title="Gradient at",
        description="Compare the losses' pulls at the network's weights (as published), or at its "
        "output (logits): cheap, but another method.",
    )


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

    declares: ClassVar[type[StartOptions]] = GradientOptions
    watches: ClassVar[bool] = True
    replayable: ClassVar[bool] = False
    takes_absent: ClassVar[bool] = True

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
        known = state.parameters if self.gradient_of == "parameters" else (state.output,)
        tensors = tuple(tensor for tensor in known if tensor is not None and tensor.requires_grad)
        if any(hasattr(tensor, "placements") for tensor in tensors):  # a DTensor: each process holds a part of it
            raise ConfigError(
                f"{type(self).__name__} cannot look at gradients at weights that are sharded over processes (FSDP). "
                "Choose gradient_of='logits', or a weighting that follows from the losses.",
                "weighting",
            )
        if tensors:
            return tensors
        if self.gradient_of == "parameters":
            raise ConfigError(
                f"{type(self).__name__} looks at gradients at the weights of the network, which this Fusion does not "
                "know. Call `fusion.watch(model.parameters())` once, or choose gradient_of='logits'.",
                "weighting",
            )
        raise ConfigError(
            f"{type(self).__name__} looks at gradients at the output of the network, which was not passed. Call the "
            "Fusion with what a LossBank returns, or with `Parts(terms, output=output)`, undetached.",
            "weighting",
        )

    def products(self, state: StepState, dtype: torch.dtype) -> Tensor:
        """Inner products (K, K) of the losses' gradients, over all processes and micro-batches of the step."""
        rows = self.rows(state, self.inputs(state))
        products = gramian(rows, dtype)
        if state.seen is not None and self.gradient_of == "logits":
            products = state.seen.pool.products(products)
        return products

    def rows(self, state: StepState, inputs: Sequence[Tensor]) -> Gradients:
        """The losses' gradients at ``inputs``; those at weights are means over all processes and micro-batches."""
        rows = gradients(state.terms, inputs, state.output, can_wait=self.host_sync)
        if state.seen is None or self.gradient_of == "logits":
            return rows
        return state.seen.pool.rows(rows)
