"""Options that weightings share: where weights start, what they sum to, how they are adjusted."""

from typing import Literal

from pydantic import Field

from dmf.options import Fraction, NonNegative, Options, Positive, hint, per_loss, slider


class StartOptions(Options):
    """Options of every weighting: where its weights start, and what they sum to."""

    weights: tuple[NonNegative, ...] | None = Field(
        None,
        title="Initial weights",
        description="Fixed weights, or the weights an adaptive rule starts from; equal when not given.",
        json_schema_extra=slider(0, 1, 0.01, each=1.0),
    )
    sum_to: Literal["1", "K"] = Field(
        "1",
        title="Weights sum to",
        description="What the weights sum to: 1, or the number of losses K.",
        json_schema_extra={"folded": True},
    )

    def check(self, count: int, history_max: int, *, sums: bool = False) -> None:
        """As :meth:`dmf.options.Options.check`; and no weight can be above 0 if all that are given are 0."""
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, tuple) and hint(info, "each") is not None:
                per_loss(info.alias or name, value, count)
        if self.weights is not None and not any(self.weights):
            raise ValueError("weights: at least one must be above 0")


class WeightingOptions(StartOptions):
    """Options of every weighting whose weights move: how they are adjusted."""

    base_weights: tuple[Positive, ...] | None = Field(
        None,
        title="Base weights",
        description="How much each loss counts whatever the rule says: its weights are multiplied by these, then "
        "brought back to their sum; equal when not given.",
        json_schema_extra=slider(0.01, 1, 0.01, each=1.0),
    )
    smoothing: Fraction = Field(
        0.0,
        title="Smoothing of weights",
        description="How calmly weights move: the share of the last step's weights that is kept.",
        json_schema_extra=slider(0, 0.999, 0.001, folded=True),
    )
    weight_min: NonNegative = Field(
        0.0, description="No weight falls below this.", json_schema_extra=slider(0, 1, 0.01, folded=True)
    )
    weight_max: Positive | None = Field(
        None,
        description="No weight rises above this.",
        json_schema_extra=slider(0.01, 6, 0.01, none=("no limit", "high"), folded=True),
    )
    max_change: Positive | None = Field(
        None,
        title="Most change of a weight in a step",
        description="No weight moves further than this in one step.",
        json_schema_extra=slider(1e-4, 1.0, none=("no limit", "high"), folded=True),
    )

    def check(self, count: int, history_max: int, *, sums: bool = False) -> None:
        """As :meth:`StartOptions.check`; and limits must leave room for the weights and their sum."""
        super().check(count, history_max, sums=sums)
        if self.weight_max is not None and self.weight_min > self.weight_max:
            raise ValueError(f"weight_min: {self.weight_min:g} is above weight_max ({self.weight_max:g})")
        total = 1 if self.sum_to == "1" else count
        if sums and self.weight_min * count > total:
            raise ValueError(f"weight_min: {count} weights of at least {self.weight_min:g} cannot sum to {total}")
        if sums and self.weight_max is not None and self.weight_max * count < total:
            raise ValueError(f"weight_max: {count} weights of at most {self.weight_max:g} cannot sum to {total}")
