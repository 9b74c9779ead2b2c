"""Adam."""

from typing import ClassVar

from dmf.optimizers.base import OptimizerKind


class Adam(OptimizerKind):
    """Steps of about the learning rate for every weight, whatever the size of its gradient; the paper's.

    Weight decay is added to the gradient, and rescaled with it.

    Reference:
        Kingma & Ba, arXiv 1412.6980.
    """

    title: ClassVar[str] = "Adam"
