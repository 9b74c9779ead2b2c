"""What every optimizer declares, and how it is made."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dmf.optimizers.eager import eager
from dmf.options import NonNegative, Options, slider

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class OptimizerOptions(Options):
    """Options of every optimizer."""

    weight_decay: NonNegative = Field(
        0.0,
        title="Weight decay",
        description="How strongly the weights of the network are pulled to 0 in each step.",
        json_schema_extra=slider(1e-6, 1e-1),
    )


def skip_where(optimizer: "Optimizer", bad: "Tensor") -> None:
    """Have the next step of an optimizer change nothing where ``bad``, () bool, holds; the device alone need know."""
    optimizer.found_inf = bad.float()  # type: ignore[attr-defined]  # as gradient scalers say it


class OptimizerKind:
    """Makes an optimizer of torch that can skip a step by ``found_inf``.

    Attributes:
        title: How it is written for people.
        declares: Its options. The constructor takes each as a keyword.
    """

    title: ClassVar[str] = ""
    declares: ClassVar[type[Options]] = OptimizerOptions

    def __init__(self, **options: Any) -> None:
        self.options = self.declares.of_words(options).by_word

    def of(self, parameters: "Iterable[Tensor]", lr: float) -> "Optimizer":
        """A fresh one of these parameters, with learning rate ``lr``: torch's own of this title, unless overridden."""
        import torch

        kind: Any = eager(getattr(torch.optim, self.title))
        optimizer: Optimizer = kind(parameters, lr=lr, fused=True, **self.options)
        return optimizer
