"""What each loss of a step does to the network: its gradient's length, direction and part in the whole."""

from collections.abc import Iterable, Sequence
from itertools import combinations

import torch
from torch import Tensor

from dmf.errors import ConfigError
from dmf.fusion import Fused
from dmf.registry import unknown
from dmf.terms import Parts
from dmf.weighting import gradients, gramian
from dmf.weighting.gradient import PLACES
from dmf.weighting.host import statistics_dtype


class GradientProbe:
    r"""Measures the gradients of a run's losses at every n-th step, without changing a bit of the run.

    With g the gradient of a loss before its weight, at the network's output or at all its parameters, a measurement is

    - ``grad_norm_<loss>``: :math:`\lVert g_k \rVert_2`, in units of the loss per unit of what it is measured at.
    - ``grad_cos_<loss>_<loss>``: the cosine of the angle between two of them, -1 to 1. Below 0 they are in conflict: a
      step that helps one harms the other. NaN where one is 0.
    - ``grad_step_<loss>``: the cosine between it and the gradient of the total. Below 0 the common step makes that loss
      worse, whatever the method. NaN where one of them is 0.
    - ``grad_share_<loss>``: the part that the loss has in the gradient of the total,

    .. math:: \frac{e_k \lVert g_k \rVert}{\sum_j |e_j| \lVert g_j \rVert}, \qquad
        e_k = \frac{\partial\,\text{total}}{\partial L_k}

    where e is the weight, for the auxiliary loss its :math:`\gamma`. Only where weights are left on the tape
    (``detach_weights=False``) e is something else, and can be below 0: then the step makes that loss worse, and its
    share is negative. The sizes of the shares sum to 1, or are all 0 where no loss has a gradient. They are shares of
    the gradient, not of the step: Adam rescales that.

    Args:
        terms: Names of the K losses.
        auxiliary: Whether there is an auxiliary loss.
        at: ``"logits"``: the losses are walked back once more each, the network is not. ``"parameters"``: each loss
            also walks back the whole network.
        every: Steps from one measurement to the next; the first is at step 0.
        parameters: Those of the network, for ``"parameters"``.

    Raises:
        ConfigError: If ``at`` is neither, ``every`` is below 1, or no parameter that learns is given to measure at; at
            a measurement, if there are no logits to measure at, or they carry no gradient.
    """

    def __init__(
        self, terms: Sequence[str], *, auxiliary: bool, at: str, every: int, parameters: Iterable[Tensor] = ()
    ) -> None:
        if at not in PLACES:
            raise ConfigError(unknown("gradients", at, PLACES), "gradients")
        if every < 1:
            raise ConfigError(f"`every` must be at least 1 step, got {every}.", "gradients_every")
        self.at, self.every = at, every
        self.columns = measured_columns(terms, auxiliary=auxiliary)
        self._parameters = tuple(parameter for parameter in parameters if parameter.requires_grad)
        if at == "parameters" and not self._parameters:
            raise ConfigError(
                "There are no parameters to measure gradients at. Give `parameters=model.parameters()` of a network "
                "that learns, or measure at the logits.",
                "gradients",
            )

    def __call__(self, step: int, parts: Parts, fused: Fused) -> Tensor | None:
        """A measurement, one value per column, on the device of the losses; None at a step without one.

        Call it before ``fused.total.backward()``, which frees what is walked back here.

        Args:
            step: Number of the step, from 0.
            parts: Its losses and the network's output they come from.
            fused: What became of them.

        Returns:
            (len(columns),) float32, without gradient; the host does not wait for it.
        """
        return None if step % self.every else self.measure(parts, fused)

    def measure(self, parts: Parts, fused: Fused) -> Tensor:
        """A measurement at this step, whatever its number; see :meth:`__call__`."""
        if self.at == "logits" and parts.output is None:
            raise ConfigError(
                "Gradients at the logits cannot be measured: the losses came without the network's output. Return "
                "`Parts(terms, auxiliary, output)` from the bank, or measure at the parameters.",
                "gradients",
            )
        if self.at == "logits" and parts.output is not None and not parts.output.requires_grad:
            raise ConfigError(
                "Gradients at the logits cannot be measured: the network's output carries no gradient. Compute it in "
                "training, outside `torch.no_grad()`.",
                "gradients",
            )
        inputs = self._parameters if parts.output is None or self.at == "parameters" else (parts.output,)
        losses = [parts.terms] if parts.auxiliary is None else [parts.terms, parts.auxiliary]
        rows = gradients(torch.cat([loss.reshape(-1) for loss in losses]), inputs, parts.output)
        dtype = statistics_dtype(parts.terms.device)
        products = gramian(rows, dtype)
        norms = products.diagonal().sqrt()
        count = len(parts.terms)
        one, other = torch.triu_indices(count, count, 1, device=products.device)
        cosines = (products[one, other] / norms[one] / norms[other]).clamp(-1, 1)
        slopes = torch.cat([slope.to(dtype) for slope in _slopes(fused.total, losses)])
        along = products @ slopes  # of each gradient with that of the total, which is their sum by these slopes
        steps = (along / norms / (slopes @ along).clamp(min=0).sqrt()).clamp(-1, 1)
        pulls = slopes * norms
        whole = pulls.abs().sum()
        shares = torch.where(whole > 0, pulls / whole, pulls) + 0.0  # no -0
        return torch.cat((norms, cosines, steps, shares)).float()


def measured_columns(terms: Sequence[str], *, auxiliary: bool) -> tuple[str, ...]:
    """Names of what :class:`GradientProbe` measures, in its order."""
    losses = (*terms, "auxiliary") if auxiliary else tuple(terms)
    return (
        *(f"grad_norm_{name}" for name in losses),
        *(f"grad_cos_{one}_{other}" for one, other in combinations(terms, 2)),
        *(f"grad_step_{name}" for name in losses),
        *(f"grad_share_{name}" for name in losses),
    )


def _slopes(total: Tensor, losses: Sequence[Tensor]) -> list[Tensor]:
    """Derivative of the total by each loss, flat; 0 by one that carries no gradient."""
    attached = [loss for loss in losses if loss.requires_grad]
    gradients = iter(torch.autograd.grad(total, attached, retain_graph=True, allow_unused=True, materialize_grads=True))
    return [(next(gradients) if loss.requires_grad else torch.zeros_like(loss)).reshape(-1) for loss in losses]
