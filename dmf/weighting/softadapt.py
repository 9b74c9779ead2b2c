"""SoftAdapt: by how fast each loss changes."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.facts import LossesNeeded, Paper
from dmf.options import Finite, slider
from dmf.registry import unknown
from dmf.weighting import arithmetic, functional, papers
from dmf.weighting.host import Count
from dmf.weighting.options import StartOptions, WeightingOptions
from dmf.weighting.stages import Normalisation, Stage, stage
from dmf.weighting.window import WindowWeighting

_VARIANTS = {
    "normalized": (True, False),
    "original": (False, False),
    "loss-weighted": (False, True),
    "both": (True, True),
}
MOST_SHOWN = 6  # products of a slope that are written out
LONGEST = 9  # steps of a difference; longer ones magnify noise by thousands


class SoftAdaptOptions(WeightingOptions):
    """Options of SoftAdapt."""

    variant: Literal["normalized", "original", "loss-weighted", "both"] = Field(
        "normalized",
        alias="softadapt_variant",
        description="Plain slopes (original), slopes as shares of their sum, weights times the mean loss, or both.",
    )
    beta: Finite = Field(
        0.1,
        title="β",
        description="How much slopes count; above 0 favours losses that rise or fall least.",
        json_schema_extra=slider(-5, 5, 0.01),
    )
    window: int = Field(
        5,
        ge=2,
        le=100_000,
        description="Steps over which the slope of a loss is taken.",
        json_schema_extra=slider(2, 1000, integer=True),
    )
    slope: Literal["backward", "least-squares", "reference"] = Field(
        "backward",
        description="Slope at the newest loss, of a straight line through all (calmer), or as in the authors' package.",
    )

    def check(self, count: int, history_max: int, *, sums: bool = False) -> None:
        """As :meth:`WeightingOptions.check`; and no slope can be taken over more than is remembered."""
        super().check(count, history_max, sums=sums)
        if self.window > history_max:
            raise ValueError(
                f"window: {self.window} is above history_max ({history_max}), so the weights would never move; "
                "lower it or raise history_max"
            )


class SoftAdaptWeighting(WindowWeighting):
    r"""Weights each loss by its rate of change over the last steps: one that rises, or falls least, gets most.

    .. math:: w_k = \frac{f_k e^{\beta s_k}}{\sum_j f_j e^{\beta s_j}}

    where :math:`s_k` is the slope of the newest ``window`` values of loss k, per step, and :math:`f_k = 1`, or their
    mean (``loss-weighted``; negative ones count as 0). The slopes are those of the losses as they are, not scaled.

    Args:
        softadapt_variant: ``"original"``; ``"loss-weighted"``; ``"normalized"``, where the slopes are divided by the
            sum of their sizes, so that the scale of the losses cancels; or ``"both"`` of the latter.
        beta: How much the slopes count. Negative favours the losses that fall fastest.
        window: Steps a slope is taken over, at least 2.
        slope: ``"backward"``, the difference of highest order at the newest value; ``"least-squares"``, the straight
            line through the window, less noisy; or ``"reference"``, the authors' package: the difference at the
            *oldest* value, and a division by the signed sum, which turns the preference round while losses fall.

    Note:
        The published recipe starts at weights of 1 and drops to a sum of 1; here they sum to ``sum_to`` throughout.

    Shape:
        - window: (K, T); returns (K,), non-negative, sums to ``sum_to``.

    Reference:
        Heydari, Thompson & Mehmood, arXiv 1912.12355.
    """

    title: ClassVar[str] = "SoftAdapt"
    looks_at: ClassVar[str] = "slope of each loss over its last few values"
    paper: ClassVar[Paper] = papers.arxiv(
        "SoftAdapt: Techniques for Adaptive Loss Weighting of Neural Networks with Multi-Part Loss Functions",
        "arXiv 2019",
        "1912.12355",
    )
    losses_needed: ClassVar[LossesNeeded | None] = LossesNeeded(0, "window")
    declares: ClassVar[type[StartOptions]] = SoftAdaptOptions
    default_floor: ClassVar[float] = 0.0  # a slope may well be 0
    absent: ClassVar[float] = -math.inf
    shared_state: ClassVar[frozenset[str]] = frozenset({"coefficients"})
    waits_for: ClassVar[str] = "window"
    normalisation: ClassVar[Normalisation] = (
        "w = e / Σ e",
        r"w_k = \frac{e_k}{\sum_j e_j}",
        "Its share of the sum: a softmax.",
    )

    coefficients: Tensor

    def __init__(
        self,
        count: int,
        *,
        softadapt_variant: str = "normalized",
        beta: float = 0.1,
        window: int = 5,
        slope: str = "backward",
        weights: Sequence[float] | None = None,
        **options: Any,
    ) -> None:
        if window < 2:
            raise ConfigError(f"`window` must be at least 2 steps, got {window}.", "window")
        super().__init__(count, weights=weights, history_min=window, symlog=False, minmax=False, **options)
        if softadapt_variant not in _VARIANTS:
            raise ConfigError(unknown("softadapt_variant", softadapt_variant, _VARIANTS), "softadapt_variant")
        if slope not in functional.SLOPES:
            raise ConfigError(unknown("slope", slope, functional.SLOPES), "slope")
        if slope != "least-squares" and window > LONGEST:
            raise ConfigError(
                f"`window` must be at most {LONGEST} steps for a {slope} slope, got {window}; take least-squares.",
                "window",
            )
        if not abs(beta) < float("inf"):
            raise ConfigError(f"`beta` must be finite, got {beta}.", "beta")
        self.softadapt_variant, self.beta, self.window, self.slope = softadapt_variant, beta, window, slope
        coefficients = torch.tensor(functional.SLOPES[slope](window), dtype=self.weights.dtype)
        self.register_buffer("coefficients", coefficients, persistent=False)

    def statistic(self, scaled: Tensor, filled: Count) -> Tensor:
        """Logarithm of the weights, up to a constant."""
        recent = scaled[..., -self.window :]
        slopes = (recent * self.coefficients).sum(-1)
        normalized, weighted = _VARIANTS[self.softadapt_variant]
        if normalized:
            slopes = functional.normalized_slopes(slopes, signed=self.slope == "reference")
        if not weighted:
            return self.beta * slopes
        return self.beta * slopes + functional.log_share(recent.mean(-1))

    def _statistics(self, losses: Tensor, history_max: int, first: int) -> Tensor:
        return self._over_windows(self.statistic, losses, self.window, first)  # whatever else is remembered

    def propose(self, statistic: Tensor) -> Tensor:
        return statistic.softmax(-1)

    def reach(self, history_max: int) -> int | None:
        return self.window

    def _sums(self, recent: Tensor) -> arithmetic.Lines:
        """How the slope of each loss (K, window) comes about, where so many products can be read."""
        if self.window > MOST_SHOWN:
            return ()
        columns = zip(recent.unbind(-1), self.coefficients.tolist(), strict=True)
        products = (arithmetic.lines("{c} · {x}", c=coefficient, x=column) for column, coefficient in columns)
        return tuple(" + ".join(parts) if all(parts) else "" for parts in zip(*products, strict=True))

    def statistic_stages(self, scaled: Tensor, filled: Count, statistic: Tensor) -> tuple[Stage, ...]:
        recent = scaled[..., -self.window :]
        slopes = (recent * self.coefficients).sum(-1)
        normalized, weighted = _VARIANTS[self.softadapt_variant]
        coefficients = ", ".join(f"{value:.4g}" for value in self.coefficients.tolist())
        stages = [
            stage(
                "slope",
                "Slope",
                "s = Σ c · x over the last " + f"{self.window} losses",
                r"s = \sum_{t} c_t\, x_t",
                f"How fast the loss changes per step ({self.slope}); c, oldest first: {coefficients}.",
                slopes,
                worked=self._sums(recent),
            )
        ]
        if normalized:
            signed = self.slope == "reference"
            stages.append(
                stage(
                    "normalised slope",
                    "Normalised slope",
                    "s ← s / Σ s" if signed else "s ← s / Σ |s|",
                    r"s_k \leftarrow \frac{s_k}{\sum_j s_j}" if signed else r"s_k \leftarrow \frac{s_k}{\sum_j |s_j|}",
                    "Its share of all slopes, so that the scale of the losses cancels.",
                    functional.normalized_slopes(slopes, signed=signed),
                    worked=_share_lines(slopes, signed=signed),
                )
            )
            slopes = functional.normalized_slopes(slopes, signed=signed)
        if weighted:
            stages.append(
                stage(
                    "mean loss",
                    "Mean loss",
                    f"f = mean of the last {self.window} losses",
                    r"f = \bar x",
                    "A larger loss counts more; a negative one counts as 0.",
                    recent.mean(-1),
                )
            )
        factor, latex = ("f · ", "f_k\\,") if weighted else ("", "")
        stages.append(
            stage(
                "exponential",
                "Exponential",
                f"e = {factor}exp(β s)",
                rf"e_k = {latex} e^{{\beta s_k}}",
                f"A loss that rises, or falls least, gets most (β = {self.beta:g})."
                if self.beta >= 0
                else f"A loss that falls fastest gets most (β = {self.beta:g}).",
                statistic.exp(),
                worked=arithmetic.lines("{f} · exp({beta} · {s})", f=recent.mean(-1), beta=self.beta, s=slopes)
                if weighted
                else arithmetic.lines("exp({beta} · {s})", beta=self.beta, s=slopes),
            )
        )
        return tuple(stages)


def _share_lines(slopes: Tensor, *, signed: bool) -> arithmetic.Lines:
    """What :func:`functional.normalized_slopes` does with slopes (K,)."""
    sizes = arithmetic.lines("{s}" if signed else "|{s}|", s=slopes)
    summed = " + ".join(size for size in sizes if size)
    return arithmetic.lines(f"{{s}} / ({summed})", s=slopes)
