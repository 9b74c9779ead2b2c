"""Categorical cross-entropy."""

from torch import Tensor

from dmf.losses.base import Loss
from dmf.losses.prediction import Prediction


class CrossEntropy(Loss):
    r"""Mean negative log-probability of the true class.

    .. math:: CE = -\frac{1}{N} \sum_n \sum_c y_{nc} \log p_{nc}

    over the N pixels of the batch that are not void, from logits with log-softmax. The same for soft and hard counts.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (16).
    """

    def forward(self, prediction: Prediction) -> Tensor:
        return -prediction.mean(prediction.log_prob_true)
