"""Rules that settle conflicts between the gradients of the losses, each through torchjd's own implementation.

Two gradients are in conflict where their inner product is negative: a step that helps one loss then harms the other.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.facts import Paper
from dmf.options import slider
from dmf.seeding import derive
from dmf.weighting import functional, papers
from dmf.weighting.base import Combined, StepState
from dmf.weighting.gradient import GradientOptions, GradientWeighting
from dmf.weighting.options import StartOptions

_CANCELLED = 1e-6  # weights whose sum is this small beside the largest have no length to speak of


class GramianWeighting(GradientWeighting):
    r"""Template of torchjd's rules, which follow from the inner products of the losses' gradients.

    Torchjd's rules fix direction and length of the common gradient. Here the direction is theirs; its length is such
    that the weights sum to ``sum_to``, as for every rule:

    .. math:: w = S \frac{v}{\sum_k v_k}, \qquad v = \text{rule}(J J^T / \operatorname{tr} J J^T)

    with one gradient per row of J. The trace takes the common scale out, which changes none of these rules, except that
    torchjd's projection counts gradients as zero that are as small as those at the logits of an image.

    A loss without gradient (``loss_counts="hard"``) takes no part and has weight 0. Where no loss has one, or the
    weights of a rule cancel out, the last weights are kept.

    Class attributes:
        aggregator: Name of its weighting in ``torchjd.aggregation``.
        prefers: The rule takes into account how much each loss matters: ``weights``, of which only the shares count.

    Args:
        weights: How much each loss matters, if the rule takes it into account; equal when not given.

    Raises:
        ConfigError: If torchjd, an optional package, or the solver that it uses is not installed.
    """

    host_sync: ClassVar[bool] = True  # solvers run on the host
    proportions: ClassVar[Mapping[str, str]] = {**GradientWeighting.proportions, "share": "1"}
    aggregator: ClassVar[str]
    prefers: ClassVar[bool] = False

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(count, **options)
        # Not a buffer: it stays on the host, where the solvers are.
        given = self.weights.double() / self.total
        self.share = given if self.prefers else torch.full_like(given, 1 / count)
        self._rule = self._load()

    def _load(self) -> Any:
        try:
            from torchjd import aggregation

            return getattr(aggregation, self.aggregator)()
        except ImportError as error:  # also of the solver that torchjd looks for when it is needed
            raise ConfigError(
                f"{type(self).__name__} needs torchjd with its solver, which is not installed ({error}). "
                "Run: pip install 'dmf[gradients]'",
                "weighting",
            ) from error

    def _host_tensors(self) -> dict[str, Tensor]:
        return {"share": self.share}

    def solve(self, gramian: Tensor, share: Tensor, step: int) -> Tensor:
        """Weights (M,) of any sum for the inner products (M, M) of gradients that are not zero, on the host."""
        if self.prefers:
            self._rule.pref_vector = share
        weights: Tensor = self._rule(gramian)
        return weights

    def forward(self, state: StepState) -> Combined:
        if state.finite is False:
            return self.stay(state)
        products = self.products(state, self.weights.dtype)
        if state.finite is not True:
            products = torch.where(state.finite, products, torch.nan)
        proposal = self._propose(products.cpu().double(), state.step)
        if proposal is None:
            return self.stay(state)
        return self._combine(state.terms, self.settle(state, proposal.to(self.weights), True))

    @property
    def keeps_sum(self) -> bool:
        return True

    def _propose(self, products: Tensor, step: int) -> Tensor | None:
        """Weights (K,) that sum to ``total``, or None if there are none to be had."""
        pulls = products.diagonal() > 0
        if not products.isfinite().all() or not pulls.any():
            return None
        inner = products[pulls][:, pulls]
        proposal = self.solve(inner / inner.trace(), functional.proportional(self.share[pulls]), step)
        total = proposal.sum()
        if not proposal.isfinite().all() or total <= _CANCELLED * proposal.abs().max():
            return None
        weights = torch.zeros_like(products[0])
        weights[pulls] = proposal * (self.total / total)
        return weights


class ProjectingWeighting(GramianWeighting):
    r"""Template of the rules that project onto the directions that harm no loss.

    Torchjd regularises relative to the longest gradient, so that beside it a short one would be harmed. So the same
    problem is solved on gradients of unit length: with lengths l, :math:`w = u / l` where u solves it for unit
    gradients and the preferences :math:`p\, l`.
    """

    prefers: ClassVar[bool] = True

    def solve(self, gramian: Tensor, share: Tensor, step: int) -> Tensor:
        lengths = gramian.diagonal().sqrt()
        unit = gramian / lengths[:, None] / lengths
        return super().solve(unit / len(unit), functional.proportional(share * lengths), step) / lengths


class UPGradWeighting(ProjectingWeighting):
    """Projects every loss's gradient so that it is in conflict with none, then adds them: no loss is ever harmed.

    Shape:
        - losses: (K,); returns (K,), at least 0, sums to ``sum_to``.

    Reference:
        Quinton & Rey, Jacobian Descent for Multi-Objective Optimization, arXiv 2406.16232.
    """

    title: ClassVar[str] = "UPGrad"
    looks_at: ClassVar[str] = "inner products of the losses' gradients"
    paper: ClassVar[Paper] = papers.arxiv(
        "Jacobian Descent for Multi-Objective Optimization", "arXiv 2024", "2406.16232"
    )
    aggregator: ClassVar[str] = "UPGradWeighting"


class DualProjWeighting(ProjectingWeighting):
    """Adds the gradients, then projects the sum so that it is in conflict with none of them.

    Shape:
        - losses: (K,); returns (K,), at least 0, sums to ``sum_to``.

    Reference:
        Lopez-Paz & Ranzato, Gradient Episodic Memory, NeurIPS 2017, arXiv 1706.08840, eq. (11).
    """

    title: ClassVar[str] = "DualProj"
    looks_at: ClassVar[str] = "inner products of the losses' gradients"
    paper: ClassVar[Paper] = papers.arxiv(
        "Gradient Episodic Memory for Continual Learning", "NeurIPS 2017", "1706.08840"
    )
    aggregator: ClassVar[str] = "DualProjWeighting"


class MGDAWeighting(GramianWeighting):
    """Takes the shortest weighted mean of the gradients: the losses with short gradients get most weight.

    Shape:
        - losses: (K,); returns (K,), at least 0, sums to ``sum_to``.

    Reference:
        Désidéri, C. R. Math. 350 (2012); Sener & Koltun, NeurIPS 2018, arXiv 1810.04650, algorithm 2.
    """

    title: ClassVar[str] = "MGDA"
    looks_at: ClassVar[str] = "inner products of the losses' gradients"
    paper: ClassVar[Paper] = papers.arxiv(
        "Multi-Task Learning as Multi-Objective Optimization", "NeurIPS 2018", "1810.04650"
    )
    aggregator: ClassVar[str] = "MGDAWeighting"


class PCGradOptions(GradientOptions):
    """Options of PCGrad."""

    weight_seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="Seed of the order",
        description="Decides the order of the losses; the same number draws the same at every step.",
        json_schema_extra=slider(0, 100, 1),
    )


class PCGradWeighting(GramianWeighting):
    """Takes out of each gradient what is in conflict with each other one, in random order, then adds them.

    The order follows from ``weight_seed`` and the step alone, so a resumed run draws the same.

    Args:
        weight_seed: Decides the orders.

    Shape:
        - losses: (K,); returns (K,), at least 0, sums to ``sum_to``.

    Reference:
        Yu et al., Gradient Surgery for Multi-Task Learning, NeurIPS 2020, arXiv 2001.06782, algorithm 1.
    """

    title: ClassVar[str] = "PCGrad"
    looks_at: ClassVar[str] = "inner products of the losses' gradients, in an order that is drawn"
    paper: ClassVar[Paper] = papers.arxiv("Gradient Surgery for Multi-Task Learning", "NeurIPS 2020", "2001.06782")
    declares: ClassVar[type[StartOptions]] = PCGradOptions
    aggregator: ClassVar[str] = "PCGradWeighting"

    def __init__(self, count: int, *, weight_seed: int = 0, **options: Any) -> None:
        super().__init__(count, **options)
        self.weight_seed = weight_seed

    def solve(self, gramian: Tensor, share: Tensor, step: int) -> Tensor:
        with torch.random.fork_rng(devices=[]):  # torchjd draws from the stream of the host
            torch.default_generator.manual_seed(derive(self.weight_seed, "orders", step))
            return super().solve(gramian, share, step)


class IMTLGWeighting(GramianWeighting):
    """Chooses weights with which the common gradient moves equally far along the gradient of every loss.

    Weights can be negative.

    Shape:
        - losses: (K,); returns (K,), sums to ``sum_to``.

    Reference:
        Liu et al., Towards Impartial Multi-task Learning, ICLR 2021; without the losses' part, IMTL-L.
    """

    title: ClassVar[str] = "IMTL-G"
    looks_at: ClassVar[str] = "inner products of the losses' gradients"
    paper: ClassVar[Paper] = papers.IMTL
    aggregator: ClassVar[str] = "IMTLGWeighting"
    simplex: ClassVar[bool] = False


class AlignedMTLWeighting(GramianWeighting):
    """Turns and scales the gradients as little as makes them orthogonal and equally long, then adds them.

    Weights can be negative.

    Shape:
        - losses: (K,); returns (K,), sums to ``sum_to``.

    Reference:
        Senushkin et al., Independent Component Alignment for Multi-Task Learning, CVPR 2023, arXiv 2305.19000.
    """

    title: ClassVar[str] = "Aligned-MTL"
    looks_at: ClassVar[str] = "inner products of the losses' gradients"
    paper: ClassVar[Paper] = papers.arxiv(
        "Independent Component Alignment for Multi-Task Learning", "CVPR 2023", "2305.19000"
    )
    aggregator: ClassVar[str] = "AlignedMTLWeighting"
    prefers: ClassVar[bool] = True
    simplex: ClassVar[bool] = False
