"""Focal Tversky loss."""

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.options import Fraction, Options
from dmf.tasks.segmentation.losses.balance import emphasised
from dmf.tasks.segmentation.losses.prediction import Prediction
from dmf.tasks.segmentation.losses.tversky import Tversky, TverskyOptions


class FocalTverskyOptions(TverskyOptions):
    """Options of the focal Tversky loss."""

    focus: Fraction = Field(
        0.25,
        alias="focal_tversky_focus",
        title="Focus on overlaps",
        description="How much more the last of a class counts than the first: 0 is the Tversky loss.",
    )


class FocalTversky(Tversky):
    r"""Tversky loss of each class to a power below 1, so that it keeps its slope where overlaps are nearly complete.

    .. math:: FT = \frac{1}{C} \sum_c (1 - TI_c)^{1 - f}

    with the Tversky index :math:`TI_c` as in :class:`Tversky`, and the focus f. Its value at complete overlap is 0.

    (!) Papers write the exponent :math:`1 / \gamma` with :math:`\gamma = 4/3`, some code an exponent
    :math:`\gamma = 0.75`: both are the focus 0.25 here. A larger focus is a stronger effect.
    (!) The slope of the power has no bound at complete overlap: within 1e-6 of it the loss is a straight line here.

    Args:
        fp_weight: Penalty of a false positive. At least 0.
        fn_weight: Penalty of a false negative. At least 0, and not both 0.
        focus: f, from 0 up to 1.
        smooth: s, added to numerator and denominator of the index, in pixels. At least 0.
        class_weights: (C,) weight of each class in the mean; see :class:`OverlapLoss`, also for what follows.
        background: Whether class 0 is in the mean.
        per_image: Take the ratios of each image by itself.

    Raises:
        ConfigError: If an option is negative or not finite, both penalties are 0, or ``focus`` is not below 1.

    Reference:
        Abraham & Khan, arXiv 1810.07842.
    """

    title: ClassVar[str] = "Focal Tversky"
    measures: ClassVar[str] = "Tversky, where the last pixels of a class count more than the first."
    declares: ClassVar[type[Options]] = FocalTverskyOptions

    def __init__(
        self,
        fp_weight: float = 0.3,
        fn_weight: float = 0.7,
        focus: float = 0.25,
        smooth: float = 1e-6,
        class_weights: Sequence[float] | None = None,
        *,
        background: bool = True,
        per_image: bool = False,
    ) -> None:
        super().__init__(fp_weight, fn_weight, smooth, class_weights, background=background, per_image=per_image)
        if not 0 <= focus < 1:
            raise ConfigError(f"`focus` must be from 0 up to 1, got {focus}.", field="focal_tversky_focus")
        self.focus = focus

    @classmethod
    def from_options(cls, options: Options, class_ratios: Sequence[float] | None = None) -> Self:
        assert isinstance(options, FocalTverskyOptions)
        return cls(options.fp_weight, options.fn_weight, options.focus, options.smooth)

    def forward(self, prediction: Prediction) -> Tensor:
        return self.mean(emphasised(self.ratios(prediction), self.focus))
