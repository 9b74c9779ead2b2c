"""Categorical cross-entropy."""

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from dmf.errors import ConfigError
from dmf.tasks.segmentation.losses.base import Loss, class_weights_of
from dmf.tasks.segmentation.losses.joint import PixelMean, Summary
from dmf.tasks.segmentation.losses.prediction import Prediction, chosen


class CrossEntropy(Loss):
    r"""Mean negative log-probability of the true class.

    .. math:: CE = -\frac{1}{N} \sum_n \sum_c y_{nc} \log p_{nc}

    over the N pixels of the batch that are not void, from logits with log-softmax; binary cross-entropy over pixels and
    channels with ``activation="sigmoid"``. The same for soft and hard counts.

    Args:
        class_weights: (C,) weight of each class: the mean is weighted by that of the true class, as torch has it.
        label_smoothing: Share of the truth that is spread evenly over all classes, 0..1, as torch has it.

    Raises:
        ConfigError: If an option is out of range; at a step, if the weights are not of C classes.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (16).
    """

    title: ClassVar[str] = "Cross-entropy"
    measures: ClassVar[str] = "How unlikely the network thought the true class of each pixel."

    class_weights: Tensor | None

    def __init__(self, class_weights: Sequence[float] | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0 <= label_smoothing <= 1:
            raise ConfigError(f"`label_smoothing` must be from 0 to 1, got {label_smoothing}.")
        self.label_smoothing = label_smoothing
        self.register_buffer("class_weights", class_weights_of(class_weights), persistent=False)

    def summary(self) -> Summary | None:
        return PixelMean() if self.class_weights is None and not self.label_smoothing else None

    def forward(self, prediction: Prediction) -> Tensor:
        if self.class_weights is None and not self.label_smoothing:
            return -prediction.mean(prediction.log_prob_true)
        weights = torch.ones(prediction.classes) if self.class_weights is None else self.class_weights
        if len(weights) != prediction.classes:
            raise ConfigError(
                f"`class_weights` has {len(weights)} weights but there are {prediction.classes} classes. Pass one each."
            )
        logits = prediction.logits
        weights = weights.to(logits).reshape(-1, *(1 for _ in logits.shape[2:]))
        if prediction.activation == "sigmoid":
            value, of_true = prediction.log_prob_true * weights, prediction.valid(weights.expand_as(logits))
            spread = prediction.valid((F.logsigmoid(logits) + F.logsigmoid(-logits)) * weights)
        else:
            of_true = (prediction.onehot * weights).sum(1)
            value = prediction.log_prob_true * of_true
            if prediction.is_soft:  # the weight of each class then belongs to its part of the truth
                value = chosen(prediction.log_probs, prediction.onehot * weights)
            spread = prediction.valid((prediction.log_probs * weights).sum(1)) if self.label_smoothing else value
        total = of_true.sum().clamp_min(torch.finfo(logits.dtype).tiny)
        classes = 2 if prediction.activation == "sigmoid" else prediction.classes
        share = self.label_smoothing
        return -((1 - share) * value.sum() + (share / classes * spread.sum() if share else 0)) / total
