"""Homoscedastic uncertainty weighting: every loss has a noise that is learned."""

import torch
from torch import Tensor

from dmf.weighting.learned import LearnedWeighting


class UncertaintyWeighting(LearnedWeighting):
    r"""Weights each loss by a precision that is trained with the network: a loss with much noise gets little.

    .. math:: \text{total} = S \sum_k \tfrac12 e^{-s_k} L_k + \tfrac12 s_k, \qquad w_k = \tfrac{S}{2} e^{-s_k}

    where :math:`s_k = \log \sigma_k^2` starts at 0 and S is 1, or K with ``sum_to="K"``. Where a loss stands still,
    :math:`e^{s_k}` goes to it, so every weighted loss goes to 1/2: the scales of the losses cancel.

    Note:
        The total goes to :math:`\tfrac12 \sum_k (1 + \log L_k)`, which is negative for small losses. That is normal.
        This is the form for regression; for classification the paper drops the first 1/2.

    Shape:
        - losses: (K,); returns (K,), positive, of any sum.

    Reference:
        Kendall, Gal & Cipolla, CVPR 2018, arXiv 1705.07115.
    """

    def start(self, factors: Tensor) -> Tensor:
        return -torch.log(factors)

    def weigh(self, s: Tensor) -> Tensor:
        return 0.5 * torch.exp(-s)

    def price(self, s: Tensor) -> Tensor:
        return 0.5 * s
