"""IMTL-L: every loss is learned to count the same."""

from typing import ClassVar

import torch
from torch import Tensor

from dmf.facts import Paper
from dmf.weighting import papers
from dmf.weighting.learned import LearnedWeighting
from dmf.weighting.plain import HostState, HostStep


class IMTLLWeighting(LearnedWeighting):
    r"""Weights each loss by a scale that is trained with the network until all weighted losses are alike.

    .. math:: \text{total} = S \sum_k e^{s_k} L_k - s_k, \qquad w_k = S e^{s_k}

    where s starts at 0 and S is 1, or K with ``sum_to="K"``. Where a loss stands still, :math:`e^{s_k}` goes to 1/L, so
    every weighted loss goes to 1. This is twice the objective of ``uncertainty`` with s negated.

    Note:
        The total may be negative: it goes to :math:`\sum_k (1 + \log L_k)`. The gradient half of the paper, IMTL-G, is
        another method.

    Shape:
        - losses: (K,); returns (K,), positive, of any sum.

    Reference:
        Liu et al., Towards Impartial Multi-task Learning, ICLR 2021.
    """

    title: ClassVar[str] = "IMTL-L"
    looks_at: ClassVar[str] = "each loss's own value, through a parameter that is trained"
    paper: ClassVar[Paper] = papers.IMTL

    def start(self, factors: Tensor) -> Tensor:
        return torch.log(factors)

    def weigh(self, s: Tensor) -> Tensor:
        return torch.exp(s)

    def price(self, s: Tensor) -> Tensor:
        return -s

    def on_host(self, state: HostState) -> HostStep | None:
        """As :meth:`forward`, in plain numbers."""
        return self.step_on_host(state, (1.0, 1.0, -1.0))
