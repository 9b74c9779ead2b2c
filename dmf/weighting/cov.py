"""CoV-weighting: by the coefficient of variation."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.facts import LossesNeeded, Paper
from dmf.options import Fraction, slider
from dmf.registry import unknown
from dmf.weighting import arithmetic, functional, papers, plain
from dmf.weighting.base import StepState
from dmf.weighting.host import lowest
from dmf.weighting.options import StartOptions, WeightingOptions
from dmf.weighting.plain import STAYS, HostState, HostStep
from dmf.weighting.running import RunningWeighting
from dmf.weighting.stages import Derivation, normalisation_stage, stage, warming_up

STATE = ("mean", "ratio_mean", "ratio_variance")
_MEANS = {"full": 0, "decay": 0}
_VARIANCES = {"corrected": 0, "reference": 0}


class CoVOptions(WeightingOptions):
    """Options of CoV."""

    mean: Literal["full", "decay"] = Field(
        "full",
        alias="cov_mean",
        description="Compare each loss with its mean of all steps so far (full), or with one that forgets.",
    )
    decay: Fraction = Field(
        0.9,
        alias="cov_decay",
        title="Memory of the mean",
        description="Share of the old mean that a mean which forgets keeps at each step.",
        json_schema_extra=slider(0, 0.999, 0.001, only_if=("mean", "decay")),
    )
    variance: Literal["corrected", "reference"] = Field(
        "corrected",
        alias="cov_variance",
        description="A variance that forgets as its mean does, or that of the authors' code, which never does.",
        json_schema_extra={"only_if": ["mean", "decay"]},
    )


class CoVWeighting(RunningWeighting):
    r"""Weights each loss by how much its progress varies: spread over mean of its ratio to its own running mean.

    .. math:: w_k = \frac{c_k}{\sum_j c_j}, \qquad c_k = \frac{\sqrt{V_k + 10^{-8}}}{|\mu_k|}, \qquad
        l_k(t) = \frac{L_k(t)}{M_k(t-1)}

    where M is the running mean of the losses L, and :math:`\mu` and V are the running mean and variance of the ratios
    l. The weights of a step use what was known *before* it, so a loss does not influence its own weight; they first
    move at the third finite step.

    Args:
        cov_mean: ``"full"``, the mean of all steps so far, or ``"decay"``, which forgets.
        cov_decay: Share of the old mean that is kept at each step, 0 <= cov_decay < 1; only for ``"decay"``.
        cov_variance: ``"corrected"``, where the variance forgets as the mean does, or ``"reference"``, the authors'
            code, where it never does. The same for the full mean.

    Note:
        The authors' code divides by zero where a mean is 0; here such a ratio is 1. Ratios beyond +-1e12, and losses
        beyond what :func:`functional.bounded` lets through, count as those, so that no state ever overflows. The
        authors' own default of ``cov_decay`` is 1, which freezes both means at the first step.

    Shape:
        - losses: (K,); returns (K,), positive, sums to ``sum_to``.

    Reference:
        Groenendijk, Karaoglu, Gevers & Mensink, WACV 2021, arXiv 2009.01717.
    """

    title: ClassVar[str] = "CoV"
    looks_at: ClassVar[str] = "spread of each loss beside its mean, over all steps so far"
    paper: ClassVar[Paper] = papers.arxiv(
        "Multi-Loss Weighting with Coefficient of Variations", "WACV 2021", "2009.01717"
    )
    losses_needed: ClassVar[LossesNeeded | None] = LossesNeeded(3)
    declares: ClassVar[type[StartOptions]] = CoVOptions
    takes_absent: ClassVar[bool] = True

    seen: Tensor
    mean: Tensor
    ratio_mean: Tensor
    ratio_variance: Tensor

    def __init__(
        self,
        count: int,
        *,
        cov_mean: str = "full",
        cov_decay: float = 0.9,
        cov_variance: str = "corrected",
        **options: Any,
    ) -> None:
        super().__init__(count, **options)
        if cov_mean not in _MEANS:
            raise ConfigError(unknown("cov_mean", cov_mean, _MEANS), "cov_mean")
        if cov_variance not in _VARIANCES:
            raise ConfigError(unknown("cov_variance", cov_variance, _VARIANCES), "cov_variance")
        if not 0 <= cov_decay < 1:
            raise ConfigError(f"`cov_decay` must be at least 0 and below 1, got {cov_decay}.", "cov_decay")
        self.cov_mean, self.cov_decay, self.cov_variance = cov_mean, cov_decay, cov_variance
        self.register_buffer("seen", torch.zeros(count, dtype=torch.int64))
        for name in STATE:
            self.register_buffer(name, torch.zeros_like(self.weights))

    def advance(self, losses: Tensor, steps: Sequence[int], present: Tensor | None = None) -> Tensor:
        losses = functional.bounded(losses)
        before = self.seen + torch.arange(len(losses), device=losses.device)[:, None]
        full = 1 / (before + 1).to(losses.dtype)
        share = full if self.cov_mean == "full" else torch.where(before == 0, full, 1 - self.cov_decay)
        means = functional.running_mean(losses, share, self.mean)
        ratios = functional.ratio(losses, means[:-1])  # 1 at the first step, before which the mean is 0
        ratio_means = functional.running_mean(ratios, share, self.ratio_mean)
        products = (ratios - ratio_means[:-1]) * (ratios - ratio_means[1:])
        variances = functional.running_mean(
            products, full if self.cov_variance == "reference" else share, self.ratio_variance
        )
        variation = functional.coefficient_of_variation(variances[:-1], ratio_means[:-1])
        self.seen = self.seen + len(losses)
        self.mean, self.ratio_mean, self.ratio_variance = means[-1], ratio_means[-1], variances[-1]
        return functional.shares_among(variation, present) * self.total

    def on_host(self, state: HostState) -> HostStep | None:
        """As :meth:`forward`, in plain numbers."""
        counts = self.held("seen").tolist()
        seen = counts[0]
        if counts.count(seen) != len(counts) or not plain.within_reach(state.values):
            return None
        full = 1 / (seen + 1)
        share = full if self.cov_mean == "full" or not seen else 1 - self.cov_decay
        spread = full if self.cov_variance == "reference" else share
        before = [*zip(*(self.held(name).tolist() for name in STATE), strict=True)]
        moved = [_moved(loss, own, share, spread) for loss, own in zip(state.values, before, strict=True)]
        for name, values in zip(STATE, zip(*moved, strict=True), strict=True):
            self._buffers[name] = torch.from_numpy(np.array(values))
        self._buffers["seen"] = torch.from_numpy(np.full(len(counts), seen + 1))
        if seen < 2:
            return STAYS
        squares = torch.tensor([max(variance, 0.0) + 1e-8 for _, _, variance in before], dtype=torch.float64)
        variation = squares.sqrt_().numpy() / [max(abs(mean), functional.TINY) for _, mean, _ in before]
        return HostStep(torch.from_numpy(plain.proportional(variation) * self.total))

    def explain(self, state: StepState) -> Derivation:
        losses = functional.bounded(state.terms.detach().to(self.weights))
        seen = int(lowest(self.seen, state.present))
        ratio = stage(
            "ratio",
            "Ratio to the running mean",
            "l = L / M",
            r"l = \frac{L(t)}{M(t-1)}",
            "This step's loss beside its mean so far. It counts from the next step on; the first one is 1.",
            functional.ratio(losses, self.mean),
            numbers={"L": losses, "M": self.mean},
            worked=arithmetic.ratio(losses, self.mean),
        )
        if seen < 2:
            return Derivation((ratio,), None, warming_up(seen, 2, "earlier losses"))
        mean = stage(
            "mean ratio",
            "Mean ratio",
            "μ = running mean of l",
            r"\mu = \operatorname{mean} l",
            f"Over the {seen} steps before this one"
            + (", all alike." if self.cov_mean == "full" else f", of which each step keeps {self.cov_decay:g}."),
            self.ratio_mean,
        )
        variance = stage(
            "variance",
            "Variance of the ratios",
            "V = running mean of (l − μ(before)) · (l − μ(after))",
            r"V = \operatorname{mean}\,(l - \mu_{\text{before}})(l - \mu_{\text{after}})",
            "How unevenly the loss has moved until this step.",
            self.ratio_variance,
        )
        variation = functional.coefficient_of_variation(self.ratio_variance, self.ratio_mean)
        proposal = functional.shares_among(variation, state.present) * self.total
        stages = (
            ratio,
            mean,
            variance,
            stage(
                "variation",
                "Coefficient of variation",
                "c = √(V + 1e-8) / |μ|",
                r"c = \frac{\sqrt{V + 10^{-8}}}{|\mu|}",
                "Spread over mean: how much there is still to gain.",
                variation,
                worked=arithmetic.lines("√({V} + 1e−08) / |{mean}|", V=self.ratio_variance, mean=self.ratio_mean),
            ),
            normalisation_stage(
                "w = c / Σ c",
                r"w_k = \frac{c_k}{\sum_j c_j}",
                "More variation, more weight.",
                proposal,
                self.total,
                parts=arithmetic.parts_of(variation, state.present),
            ),
        )
        return Derivation(stages, proposal)


def _moved(loss: float, before: tuple[float, ...], share: float, spread: float) -> tuple[float, float, float]:
    """The running mean, mean ratio and variance of one loss after one more value, in plain numbers."""
    mean, ratio_mean, ratio_variance = before
    ratio = plain.ratio(loss, mean)
    ratio_after = ratio_mean + share * (ratio - ratio_mean)
    product = (ratio - ratio_mean) * (ratio - ratio_after)
    return mean + share * (loss - mean), ratio_after, ratio_variance + spread * (product - ratio_variance)
