"""Hybrid focal loss."""

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.options import Options, Share
from dmf.tasks.segmentation.losses.base import Loss
from dmf.tasks.segmentation.losses.focal import Focal, FocalPower
from dmf.tasks.segmentation.losses.focal_tversky import FocalTversky, FocalTverskyOptions
from dmf.tasks.segmentation.losses.prediction import Prediction


class HybridFocalOptions(FocalTverskyOptions, FocalPower):
    """Options of the hybrid focal loss: those of both its parts, and how they are mixed."""

    mix: Share = Field(
        0.5, alias="hybrid_mix", title="Mix", description="Share of the focal loss; the rest is focal Tversky."
    )


class HybridFocal(Loss):
    r"""The focal loss and the focal Tversky loss together.

    .. math:: HF = m F + (1 - m) FT

    with :class:`Focal` and :class:`FocalTversky`, and the mix m.

    Args:
        focal: The first part.
        focal_tversky: The second part.
        mix: m, 0 to 1.

    Raises:
        ConfigError: If ``mix`` is outside of 0 to 1.

    Reference:
        Yeung et al., arXiv 2102.04525; Cui et al., eq. (5).
    """

    title: ClassVar[str] = "Hybrid focal"
    measures: ClassVar[str] = "Focal loss and focal Tversky loss, mixed."
    declares: ClassVar[type[Options]] = HybridFocalOptions

    def __init__(self, focal: Focal | None = None, focal_tversky: FocalTversky | None = None, mix: float = 0.5) -> None:
        super().__init__()
        if not 0 <= mix <= 1:
            raise ConfigError(f"`mix` must be from 0 to 1, got {mix}.", field="hybrid_mix")
        self.focal = Focal() if focal is None else focal
        self.focal_tversky = FocalTversky() if focal_tversky is None else focal_tversky
        self.mix = mix
        self.uses_counts = mix == 0

    @classmethod
    def from_options(cls, options: Options, class_ratios: Sequence[float] | None = None) -> Self:
        assert isinstance(options, HybridFocalOptions)
        return cls(Focal(options.gamma, options.alpha), FocalTversky.from_options(options), options.mix)

    def forward(self, prediction: Prediction) -> Tensor:
        loss: Tensor = self.mix * self.focal(prediction) + (1 - self.mix) * self.focal_tversky(prediction)
        return loss
