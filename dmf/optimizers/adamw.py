"""Adam with weight decay of its own."""

from typing import ClassVar

from pydantic import Field

from dmf.optimizers.base import OptimizerKind, OptimizerOptions
from dmf.options import NonNegative, Options, slider


class AdamWOptions(OptimizerOptions):
    """Options of AdamW."""

    weight_decay: NonNegative = Field(
        0.01,
        title="Weight decay",
        description="The share of each weight, times the learning rate, that a step takes off.",
        json_schema_extra=slider(1e-6, 1e-1),
    )


class AdamW(OptimizerKind):
    """Adam, whose weight decay is not rescaled by the size of the gradient.

    Reference:
        Loshchilov & Hutter, Decoupled Weight Decay Regularization, arXiv 1711.05101.
    """

    title: ClassVar[str] = "AdamW"
    declares: ClassVar[type[Options]] = AdamWOptions
