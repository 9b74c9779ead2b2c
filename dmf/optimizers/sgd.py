"""Stochastic gradient descent with momentum."""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dmf.optimizers.base import OptimizerKind, OptimizerOptions
from dmf.optimizers.eager import eager
from dmf.options import Fraction, Options, slider

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class SGDOptions(OptimizerOptions):
    """Options of stochastic gradient descent."""

    momentum: Fraction = Field(
        0.9,
        title="Momentum",
        description="The share of the last step's direction that is kept.",
        json_schema_extra=slider(0, 0.99, 0.01),
    )


class SGD(OptimizerKind):
    """Steps along the gradient and what is left of earlier ones.

    Reference:
        Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013.
    """

    title: ClassVar[str] = "SGD"
    declares: ClassVar[type[Options]] = SGDOptions

    def of(self, parameters: "Iterable[Tensor]", lr: float) -> "Optimizer":
        optimizer: Optimizer = _fused()(parameters, lr=lr, fused=True, **self.options)
        return optimizer


@cache
def _fused() -> Any:
    """The class, made where torch is wanted."""
    import torch

    class FusedSGD(eager(torch.optim.SGD)):  # type: ignore[misc]  # a class that is known at run time
        """Begins with a momentum of 0, which is what torch's means.

        It makes the momentum of a parameter in its first step, from memory as it lies there; where that step is skipped
        on the device's word nothing is written into it, and the next step takes it for a momentum (torch 2.15).
        """

        def add_param_group(self, param_group: dict[str, Any]) -> None:
            super().add_param_group(param_group)
            group = self.param_groups[-1]
            if group["momentum"]:
                for parameter in group["params"]:
                    self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    return FusedSGD
