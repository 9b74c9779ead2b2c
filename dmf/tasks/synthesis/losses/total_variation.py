"""Total variation of the output."""

from typing import ClassVar

from torch import Tensor

from dmf.tasks.synthesis.losses.base import SynthesisLoss, require_positive
from dmf.tasks.synthesis.prediction import SynthesisPrediction


class TotalVariation(SynthesisLoss):
    r"""How much the output varies from pixel to pixel; it does not look at the target.

    .. math:: \frac{1}{N} \sum_n |\nabla_1 x_n| + \frac{1}{N} \sum_n |\nabla_2 x_n| \quad \text{or, isotropic,} \quad
              \frac{1}{N} \sum_n \sqrt{(\nabla_1 x_n)^2 + (\nabla_2 x_n)^2 + \epsilon^2} - \epsilon

    x is the output; each direction is averaged by itself, isotropic over the pixels that have both neighbours. 0 for a
    constant image, no upper bound; in the unit of the intensities per pixel. It smooths, so it stands beside a
    loss that looks at the target.

    Args:
        isotropic: Edges count the same in every direction.
        epsilon: Smooths the isotropic form at 0, in the unit of the intensities; above 0.

    Raises:
        ConfigError: If ``epsilon`` is not above 0.

    Reference:
        Rudin, Osher & Fatemi, Nonlinear total variation based noise removal algorithms, Physica D 60 (1992).
    """

    title: ClassVar[str] = "Total variation"
    measures: ClassVar[str] = "How much the output varies from pixel to pixel; the target does not matter."

    def __init__(self, *, isotropic: bool = False, epsilon: float = 1e-4) -> None:
        super().__init__()
        require_positive(epsilon=epsilon)
        self.isotropic = isotropic
        self.epsilon = epsilon

    def forward(self, prediction: SynthesisPrediction) -> Tensor:
        down, right, _, _ = prediction.gradients()
        if not self.isotropic:
            return down.abs().mean() + right.abs().mean()
        squares = down[..., :, :-1].square() + right[..., :-1, :].square()
        return (squares + self.epsilon**2).sqrt().mean() - self.epsilon
