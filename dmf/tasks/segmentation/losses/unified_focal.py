"""Unified focal loss, asymmetric and symmetric."""

from collections.abc import Sequence
from typing import ClassVar, Self

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.options import Fraction, Options, Share
from dmf.tasks.segmentation.losses.balance import (
    WHAT_RARE_IS,
    RareClasses,
    balanced_cross_entropy,
    emphasised,
    rare_classes,
)
from dmf.tasks.segmentation.losses.base import require_non_negative
from dmf.tasks.segmentation.losses.overlap import OverlapLoss, OverlapOptions
from dmf.tasks.segmentation.losses.prediction import Prediction
from dmf.tasks.segmentation.losses.tversky import tversky_ratios


class UnifiedFocalOptions(OverlapOptions):
    """Options of both unified focal losses."""

    mix: Share = Field(
        0.5,
        alias="unified_mix",
        title="Mix",
        description="Share of the focal cross-entropy (lambda); the rest is focal Tversky.",
    )
    balance: Share = Field(
        0.6,
        alias="unified_balance",
        title="Balance",
        description="Weight of rare classes against the others, and of missed against made up pixels (delta).",
    )
    focus: Fraction = Field(
        0.5,
        alias="unified_focus",
        title="Focus",
        description="How much easy pixels are discounted, and the last pixels of a class emphasised (gamma).",
    )
    rare: str = Field("", title="Rare classes", description=WHAT_RARE_IS)

    def check(self, count: int, history_max: int, *, sums: bool = False) -> None:
        """As :meth:`dmf.options.Options.check`; and rare classes are numbers."""
        rare_classes(self.rare)


class UnifiedFocal(OverlapLoss):
    r"""Focal cross-entropy and focal Tversky loss of one set of parameters, which spare the rare classes (asymmetric).

    With the balance d, the focus g, the mix m, and the rare classes R:

    .. math::
        F &= -\frac{1}{N} \sum_n \Big[ d \sum_{c \in R} y_{nc} \log p_{nc}
             + (1 - d) \sum_{c \notin R} (1 - p_{nc})^g y_{nc} \log p_{nc} \Big] \\
        T &= \frac{1}{B C} \sum_b \Big[ \sum_{c \in R} (1 - TI_{bc})^{1 - g} + \sum_{c \notin R} (1 - TI_{bc}) \Big] \\
        UF &= m F + (1 - m) T, \qquad
        TI_{bc} = \frac{TP_{bc} + s}{TP_{bc} + d FN_{bc} + (1 - d) FP_{bc} + s}

    Easy pixels are discounted only where they are not rare, the end of an overlap is emphasised only where it is rare.
    Focus 0, balance 0.5 and mix 1 give half the cross-entropy; mix 0 then gives Dice per image.

    (!) The paper's lambda weighs the cross-entropy, as the mix here; the authors' code weighs the Tversky part with it.
    (!) The paper prints d on the false positives; its text and its code put it on the false negatives, as here.
    (!) Their code knows two classes. With more, any set may be rare, and the means go over all classes.
    (!) The slope of the power has no bound at complete overlap: within 1e-6 of it T is a straight line here.

    Args:
        mix: m, 0 to 1.
        balance: d, 0 to 1.
        focus: g, from 0 up to 1.
        rare: Numbers of the rare classes; None is all but the background.
        smooth: s, in pixels. At least 0.
        class_weights: (C,) weight of each class in the mean of T; see :class:`OverlapLoss`.
        per_image: Take the ratios of each image by itself, as the authors; else the counts of the whole batch.

    Raises:
        ConfigError: If an option is out of its range; at a step, if a rare class does not exist, or all are rare.

    Reference:
        Yeung et al., arXiv 2102.04525; Cui et al., eq. (10)-(12).
    """

    title: ClassVar[str] = "Unified focal"
    measures: ClassVar[str] = "Cross-entropy and overlap in one, with more weight for the rare and for the missed."
    declares: ClassVar[type[Options]] = UnifiedFocalOptions
    uses_counts = False  # not of them alone
    is_symmetric: ClassVar[bool] = False

    def __init__(
        self,
        mix: float = 0.5,
        balance: float = 0.6,
        focus: float = 0.5,
        *,
        rare: Sequence[int] | None = None,
        smooth: float = 1e-6,
        class_weights: Sequence[float] | None = None,
        per_image: bool = True,
    ) -> None:
        super().__init__(class_weights, per_image=per_image)
        require_non_negative(smooth=smooth)
        for name, value in (("mix", mix), ("balance", balance)):
            if not 0 <= value <= 1:
                raise ConfigError(f"`{name}` must be from 0 to 1, got {value}.", field=f"unified_{name}")
        if not 0 <= focus < 1:
            raise ConfigError(f"`focus` must be from 0 up to 1, got {focus}.", field="unified_focus")
        self.mix, self.balance, self.focus, self.smooth = mix, balance, focus, smooth
        self.rare = RareClasses(rare)
        self.uses_counts = mix == 0

    @classmethod
    def from_options(cls, options: Options, class_ratios: Sequence[float] | None = None) -> Self:
        assert isinstance(options, UnifiedFocalOptions)
        return cls(options.mix, options.balance, options.focus, rare=rare_classes(options.rare), smooth=options.smooth)

    def require_classes(self, count: int) -> None:
        self.rare.numbers(count)

    def forward(self, prediction: Prediction) -> Tensor:
        rare = self.rare.among(prediction)
        entropy = balanced_cross_entropy(prediction, rare, self.balance, self.focus, spare_rare=not self.is_symmetric)
        ratios = tversky_ratios(self.counts(prediction), 1 - self.balance, self.balance, self.smooth)
        missed = emphasised(ratios, self.focus)
        if not self.is_symmetric:
            missed = torch.where(rare > 0, missed, 1 - ratios)
        return self.mix * entropy + (1 - self.mix) * self.mean(missed)


class UnifiedFocalSymmetric(UnifiedFocal):
    r"""The unified focal loss that treats all classes alike but for their weight.

    .. math::
        F &= -\frac{1}{N} \sum_n \sum_c d_c (1 - p_{nc})^g y_{nc} \log p_{nc}, \qquad
             d_c = d \text{ where } c \in R, \text{ else } 1 - d \\
        T &= \frac{1}{B C} \sum_{b, c} (1 - TI_{bc})^{1 - g}, \qquad UF = m F + (1 - m) T

    Symbols, arguments and errors are those of :class:`UnifiedFocal`.

    (!) The paper prints the exponents of its symmetric loss the other way round (1 - g on the cross-entropy) than those
    of its asymmetric one and than its code, whose sense this is: a larger focus is a stronger effect in both parts. At
    0.5 they are the same.
    """

    title: ClassVar[str] = "Unified focal (symmetric)"
    measures: ClassVar[str] = "Cross-entropy and overlap in one, all classes alike but for their weight."
    is_symmetric: ClassVar[bool] = True
