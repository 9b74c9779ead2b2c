"""What the overlap losses share: how the ratios of classes become one number."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.options import NonNegative, Options
from dmf.tasks.segmentation.losses.base import Loss, class_weights_of, require_non_negative
from dmf.tasks.segmentation.losses.joint import OverlapMean
from dmf.tasks.segmentation.losses.prediction import Prediction


class OverlapOptions(Options):
    """Options of the losses that are ratios of overlaps."""

    smooth: NonNegative = Field(
        1e-6,
        title="Smoothing of ratios",
        description="Added above and below the line of overlap ratios, so that empty ones are defined, in pixels.",
    )


class OverlapLoss(Loss):
    """One minus a mean over classes of a ratio of counts.

    Args:
        class_weights: (C,) weight of each class in the mean; equal when not given. At least 0, not all 0.
        background: Whether class 0 is in the mean.
        per_image: Take the ratios of each image by itself, then the mean over images, as MONAI does; else the counts
            of the whole batch, as the paper and segmentation-models-pytorch do.

    Raises:
        ConfigError: If a weight is below 0 or not finite, or all are 0; at a step, if they are not of C classes, or no
            class is left.
    """

    uses_counts = True
    class_weights: Tensor | None

    def __init__(
        self, class_weights: Sequence[float] | None = None, *, background: bool = True, per_image: bool = False
    ) -> None:
        super().__init__()
        self.background = background
        self.per_image = per_image
        # Not in the state: like every other option, it comes from who builds the loss.
        self.register_buffer("class_weights", class_weights_of(class_weights), persistent=False)

    def counts(self, prediction: Prediction) -> tuple[Tensor, Tensor, Tensor]:
        """True positives, predicted and actual pixels: (C,), or (B, C) per image."""
        if self.per_image:
            return prediction.tp, prediction.predicted, prediction.actual
        return prediction.batch_tp, prediction.batch_predicted, prediction.batch_actual

    def mean(self, ratios: Tensor) -> Tensor:
        """() mean over classes, and images, of ratios (C,) or (B, C)."""
        weights = self.class_weights
        if weights is not None and len(weights) != ratios.shape[-1]:
            raise ConfigError(
                f"`class_weights` has {len(weights)} weights but there are {ratios.shape[-1]} classes. Pass one each."
            )
        if not self.background:
            if ratios.shape[-1] < 2:
                raise ConfigError("Without the background no class is left. Pass background=True for one channel.")
            ratios = ratios[..., 1:]
            weights = None if weights is None else weights[1:]
        if weights is None:
            return ratios.mean()
        weights = weights.to(ratios)
        return (ratios * weights).sum(-1).mean() / weights.sum().clamp_min(torch.finfo(ratios.dtype).tiny)


class RatioLoss(OverlapLoss):
    """One minus the mean over classes of one smoothed ratio of overlaps, which a subclass says.

    Args:
        smooth: s, added to numerator and denominator, in pixels. At least 0; with 0 an absent class that is not
            predicted at all gives 0/0.
        class_weights: (C,) weight of each class in the mean; see :class:`OverlapLoss`, also for what follows.
        background: Whether class 0 is in the mean.
        per_image: Take the ratios of each image by itself.

    Raises:
        ConfigError: If ``smooth`` is negative or not finite.
    """

    declares: ClassVar[type[Options]] = OverlapOptions

    def __init__(
        self,
        smooth: float = 1e-6,
        class_weights: Sequence[float] | None = None,
        *,
        background: bool = True,
        per_image: bool = False,
    ) -> None:
        super().__init__(class_weights, background=background, per_image=per_image)
        require_non_negative(smooth=smooth)
        self.smooth = smooth

    @abstractmethod
    def ratio(self, tp: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        """Of each class, and image, from counts that share one shape; 1 where all is right."""

    def plain_mean(self, hit: float, fp: float, fn: float) -> OverlapMean | None:
        """This mean of ratios; None where it is not over all classes alike, or not of the whole batch."""
        is_plain = self.class_weights is None and self.background and not self.per_image
        return OverlapMean(hit, fp, fn, self.smooth) if is_plain else None

    def ratios(self, prediction: Prediction) -> Tensor:
        """(C,) ratios of the classes, or (B, C) per image."""
        return self.ratio(*self.counts(prediction))

    def forward(self, prediction: Prediction) -> Tensor:
        return 1 - self.mean(self.ratios(prediction))
