"""Adam."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from dmf.optimizers.base import OptimizerKind

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class Adam(OptimizerKind):
    """Steps of about the learning rate for every weight, whatever the size of its gradient; the paper's.

    Weight decay is added to the gradient, and rescaled with it.

    Reference:
        Kingma & Ba, arXiv 1412.6980.
    """

    title: ClassVar[str] = "Adam"

    def of(self, parameters: "Iterable[Tensor]", lr: float) -> "Optimizer":
        from torch.optim import Adam as Torchs

        return Torchs(parameters, lr=lr, fused=True, **self.options)
