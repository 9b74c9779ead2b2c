"""Homoscedastic uncertainty weighting: every loss has a noise that is learned."""

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.facts import Paper
from dmf.options import Finite
from dmf.registry import unknown
from dmf.weighting import papers
from dmf.weighting.learned import LIMIT, LearnedOptions, LearnedWeighting
from dmf.weighting.options import StartOptions
from dmf.weighting.plain import HostState, HostStep

FORMS = {"regression": 0.5, "classification": 1.0}  # factor of the precision


class UncertaintyOptions(LearnedOptions):
    """Options of uncertainty weighting."""

    form: Literal["regression", "classification"] = Field(
        "regression",
        alias="uncertainty_form",
        title="Likelihood",
        description="The likelihood, with or without 1/2 before the precision.",
    )
    start: Finite = Field(
        0.0,
        ge=-10,
        le=10,
        alias="uncertainty_start",
        title="Log variance at the start",
        description="Log of the variance that each loss starts with.",
    )


class UncertaintyWeighting(LearnedWeighting):
    r"""Weights each loss by a precision that is trained with the network: a loss with much noise gets little.

    .. math:: \text{total} = S \sum_k c\, e^{-s_k} L_k + \tfrac12 s_k, \qquad w_k = S\, c\, e^{-s_k}

    where :math:`s_k = \log \sigma_k^2`, c is 1/2 for the likelihood of a regression and 1 for that of a classification,
    and S is 1, or K with ``sum_to="K"``. Where a loss stands still, :math:`e^{s_k}` goes to 2 c times it, so every
    weighted loss goes to 1/2: the scales of the losses cancel.

    Args:
        uncertainty_form: ``"regression"``, the paper's equation 7, or ``"classification"``, its equation 10.
        uncertainty_start: :math:`\log \sigma^2` that each loss starts with, -10 to 10; unequal ``weights`` shift it.

    Note:
        The total goes to :math:`\tfrac12 \sum_k (1 + \log 2c L_k)`, which is negative for small losses. That is normal.

    Shape:
        - losses: (K,); returns (K,), positive, of any sum.

    Raises:
        ConfigError: If an option does not fit.

    Reference:
        Kendall, Gal & Cipolla, CVPR 2018, arXiv 1705.07115.
    """

    title: ClassVar[str] = "Uncertainty"
    looks_at: ClassVar[str] = "each loss's own value, through a parameter that is trained"
    paper: ClassVar[Paper] = papers.arxiv(
        "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics",
        "CVPR 2018",
        "1705.07115",
    )
    declares: ClassVar[type[StartOptions]] = UncertaintyOptions

    def __init__(
        self, count: int, *, uncertainty_form: str = "regression", uncertainty_start: float = 0.0, **options: Any
    ) -> None:
        if uncertainty_form not in FORMS:
            raise ConfigError(unknown("uncertainty_form", uncertainty_form, FORMS), "uncertainty_form")
        if not abs(uncertainty_start) <= LIMIT:
            raise ConfigError(
                f"`uncertainty_start` must be from {-LIMIT:g} to {LIMIT:g}, got {uncertainty_start}.",
                "uncertainty_start",
            )
        # What the parameters start with depends on them.
        self.uncertainty_form, self.uncertainty_start = uncertainty_form, float(uncertainty_start)
        super().__init__(count, **options)

    def start(self, factors: Tensor) -> Tensor:
        return self.uncertainty_start - torch.log(factors)

    def weigh(self, s: Tensor) -> Tensor:
        return FORMS[self.uncertainty_form] * torch.exp(-s)

    def price(self, s: Tensor) -> Tensor:
        return 0.5 * s

    def on_host(self, state: HostState) -> HostStep | None:
        """As :meth:`forward`, in plain numbers."""
        return self.step_on_host(state, (FORMS[self.uncertainty_form], -1.0, 0.5))
