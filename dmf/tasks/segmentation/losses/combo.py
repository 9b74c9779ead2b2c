"""Combo loss."""

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.options import Options, Share
from dmf.tasks.segmentation.losses.balance import WHAT_RARE_IS, RareClasses, balanced_cross_entropy, rare_classes
from dmf.tasks.segmentation.losses.dice import MeanDice
from dmf.tasks.segmentation.losses.overlap import OverlapOptions
from dmf.tasks.segmentation.losses.prediction import Prediction


class ComboOptions(OverlapOptions):
    """Options of the combo loss."""

    mix: Share = Field(0.5, alias="combo_mix", title="Mix", description="Share of the cross-entropy; the rest is Dice.")
    balance: Share = Field(
        0.5, alias="combo_balance", title="Balance", description="Weight of rare classes in it; others have the rest."
    )
    rare: str = Field("", title="Rare classes", description=WHAT_RARE_IS)

    def check(self, count: int, history_max: int, *, sums: bool = False) -> None:
        """As :meth:`dmf.options.Options.check`; and rare classes are numbers."""
        rare_classes(self.rare)


class Combo(MeanDice):
    r"""Cross-entropy that counts rare classes differently, and Dice.

    .. math:: Combo = -\frac{m}{N} \sum_n \sum_c b_c y_{nc} \log p_{nc} + (1 - m) \, mDice

    with :math:`b_c` the balance for rare classes and one minus it for the others. Mix 1 and balance 0.5 give half the
    cross-entropy, mix 0 gives :class:`MeanDice`.

    (!) Papers subtract the Dice coefficient, so that the best value is m - 1; here Dice is a loss, and the best is 0.
    (!) The code of Yeung et al. gives the balance to the first class, the background; papers to what is to be found.

    Args:
        mix: m, 0 to 1.
        balance: Weight of rare classes, 0 to 1.
        rare: Their numbers; None is all but the background.
        smooth: s of Dice, in pixels. At least 0.
        per_image: Take the Dice of each image by itself, as Yeung et al. do.

    Raises:
        ConfigError: If an option is out of its range; at a step, if a rare class does not exist, or all are rare.

    Reference:
        Taghanaki et al., arXiv 1805.02798; Yeung et al., arXiv 2102.04525.
    """

    title: ClassVar[str] = "Combo"
    measures: ClassVar[str] = "Cross-entropy with a weight for rare classes, and Dice, mixed."
    declares: ClassVar[type[Options]] = ComboOptions
    uses_counts = False  # not of them alone

    def __init__(
        self,
        mix: float = 0.5,
        balance: float = 0.5,
        rare: Sequence[int] | None = None,
        smooth: float = 1e-6,
        *,
        per_image: bool = False,
    ) -> None:
        super().__init__(smooth, per_image=per_image)
        for name, value in (("mix", mix), ("balance", balance)):
            if not 0 <= value <= 1:
                raise ConfigError(f"`{name}` must be from 0 to 1, got {value}.", field=f"combo_{name}")
        self.mix, self.balance, self.rare = mix, balance, RareClasses(rare)
        self.uses_counts = mix == 0

    @classmethod
    def from_options(cls, options: Options, class_ratios: Sequence[float] | None = None) -> Self:
        assert isinstance(options, ComboOptions)
        return cls(options.mix, options.balance, rare_classes(options.rare), options.smooth)

    def require_classes(self, count: int) -> None:
        self.rare.numbers(count)

    def forward(self, prediction: Prediction) -> Tensor:
        entropy = balanced_cross_entropy(prediction, self.rare.among(prediction), self.balance, 0)
        return self.mix * entropy + (1 - self.mix) * super().forward(prediction)
