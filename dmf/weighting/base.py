"""What a weighting is: it maps what is known at a step to the weights W1..WK."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.facts import LossesNeeded, Paper
from dmf.weighting import adjusting, functional
from dmf.weighting.host import Count, Flag, choose
from dmf.weighting.options import StartOptions, WeightingOptions
from dmf.weighting.places import rearranged
from dmf.weighting.pooling import Seen
from dmf.weighting.precision import KeepsPrecision
from dmf.weighting.stages import (
    Derivation,
    Stage,
    adjusting_stages,
)


@dataclass(frozen=True)
class StepState:
    """Everything a weighting may know at one step. New information becomes a new field.

    Attributes:
        step: Training step, counted from 0.
        terms: (K,) current losses, with gradient; 0 without gradient for one that is absent.
        window: (K, T) recent losses, this step's in the last column unless it was not finite.
        filled: How many of the last columns hold values: () int64, or an integer where the host knows it for free; (K,)
            once losses were absent.
        finite: Whether this step's losses are all finite: () bool, or a Python one where the host knows it for free.
        output: The network's output that the losses were computed from, with gradient; None where it is not known.
        parameters: What the losses are minimised over, with gradient; empty where it is not known.
        present: (K,) bool, the losses that this step has; None if it has all.
        seen: What several processes or micro-batches have seen of the losses; None where there is one of each.
    """

    step: int
    terms: Tensor
    window: Tensor
    filled: Count
    finite: Flag
    output: Tensor | None = None
    parameters: tuple[Tensor, ...] = ()
    present: Tensor | None = None
    seen: Seen | None = None

    @property
    def values(self) -> Tensor:
        """(K,) the losses that a rule learns from, without gradient."""
        return self.terms.detach() if self.seen is None else self.seen.values


@dataclass(frozen=True)
class Combined:
    """The weighted total () to minimise and the weights (K,) it was made with."""

    total: Tensor
    weights: Tensor


def per_loss(name: str, values: Sequence[float] | None, count: int, dtype: torch.dtype) -> Tensor:
    """``values`` as a (K,) tensor, ones when not given.

    Raises:
        ConfigError: If there is not one finite, non-negative number per loss, or all are 0.
    """
    if values is None:
        return torch.ones(count, dtype=dtype)
    if len(values) != count:
        raise ConfigError(f"`{name}` must have {count} numbers, one per loss, got {len(values)}.", name)
    if not all(0 <= value < float("inf") for value in values) or not any(values):
        raise ConfigError(f"`{name}` must be finite, at least 0 and not all 0, got {list(values)}.", name)
    return torch.tensor(values, dtype=dtype)


class Weighting(KeepsPrecision, nn.Module, ABC):
    """Base of all weightings. Holds the last weights, so that evaluation reads them and a checkpoint restores them.

    What a rule proposes is adjusted alike for every rule (:meth:`finish`): base weights, smoothing, limits, and last a
    limit on the change per step. A rule that is not ``simplex`` proposes weights of any sum, so base weights multiply
    them and limits clamp each by itself. Where its total is no weighted sum of the losses, it becomes one as soon as
    anything is adjusted: that of the losses with the adjusted weights, whose gradient those weights are. Until a rule
    adapts, the weights stay where they start, whatever the limits say.

    Class attributes:
        title: How it is written for people; its name where it says none.
        looks_at: What its weights follow from; the first sentence of its docstring where it does not say.
        paper: Where it was published.
        losses_needed: How many losses must have been seen when the weights first move; None where they never do.
        declares: Its options. The constructor takes each as a keyword: its alias where it has one, else its name.
        options: These keywords; filled in by themselves.
        replayable: The weights follow from loss values alone, so a recorded history can be replayed.
        simplex: The weights are never negative and always have the same sum.
        host_sync: A step waits for the device.
        looks_twice: It wants the losses of every batch again after the optimizer's step, see :meth:`after_step`.
        joins: It has parameters that an optimizer trains: ``fusion.join(optimizer)``.
        watches: It looks at gradients: ``fusion.watch(model.parameters())``, unless at those of the logits.
        takes_absent: It knows what to do where ``StepState.present`` says that a loss is absent: weigh the others among
            themselves, and leave what it remembers of that one as it is.
        shared_state: Names of its tensors that hold no entry per loss in their last dimension.
        proportions: Names of its tensors of which a loss that joins gets the mean of the others, else 0; to what they
            sum to: ``"total"``, ``"1"``, ``"count"``, or ``""`` for any sum.

    Args:
        count: Number of losses K.
        weights: Weights to start from; equal when not given. Only their proportions matter to adaptive rules.
        sum_to: ``"1"`` or ``"K"``; the latter multiplies the effective learning rate by K.
        base_weights: (K,) above 0, how much each loss counts whatever the rule says. Only their proportions matter.
        smoothing: Share of the last step's weights that is kept, 0 <= smoothing < 1.
        weight_min, weight_max: Limits of every weight.
        max_change: Furthest a weight moves in one step, above 0, in the unit of the weights.
        dtype: Of the weights.

    Raises:
        ConfigError: If the weights do not fit, or an adjustment cannot work.
    """

    title: ClassVar[str] = ""
    looks_at: ClassVar[str] = ""
    paper: ClassVar[Paper | None] = None
    losses_needed: ClassVar[LossesNeeded | None] = LossesNeeded(1)
    declares: ClassVar[type[StartOptions]] = WeightingOptions
    options: ClassVar[tuple[str, ...]] = tuple(WeightingOptions.words().values())
    replayable: ClassVar[bool] = True
    simplex: ClassVar[bool] = True
    host_sync: ClassVar[bool] = False
    looks_twice: ClassVar[bool] = False
    joins: ClassVar[bool] = False
    watches: ClassVar[bool] = False
    takes_absent: ClassVar[bool] = False
    shared_state: ClassVar[frozenset[str]] = frozenset()
    proportions: ClassVar[Mapping[str, str]] = {"weights": "total", "base_weights": "count"}

    weights: Tensor
    base_weights: Tensor | None

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "options" not in vars(cls):
            cls.options = tuple(cls.declares.words().values())

    def __init__(
        self,
        count: int,
        *,
        weights: Sequence[float] | None = None,
        sum_to: str = "1",
        base_weights: Sequence[float] | None = None,
        smoothing: float = 0.0,
        weight_min: float = 0.0,
        weight_max: float | None = None,
        max_change: float | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        if count < 1:
            raise ConfigError(f"`count` must be at least 1 loss, got {count}.", "terms")
        if sum_to not in ("1", "K"):
            raise ConfigError(f"`sum_to` must be '1' or 'K', got {sum_to!r}.", "sum_to")
        self.count = count
        self.sum_to, self.total = sum_to, 1.0 if sum_to == "1" else float(count)
        self.register_buffer("weights", self._starting_weights(weights, dtype))
        base = None if base_weights is None else per_loss("base_weights", base_weights, count, dtype)
        if base is not None and not bool((base > 0).all()):
            raise ConfigError(f"`base_weights` must all be above 0, got {base.tolist()}.", "base_weights")
        self.register_buffer(
            "base_weights", None if base is None else functional.proportional(base) * count, persistent=False
        )
        if not 0 <= smoothing < 1:
            raise ConfigError(f"`smoothing` must be at least 0 and below 1, got {smoothing}.", "smoothing")
        if max_change is not None and not max_change > 0:
            raise ConfigError(f"`max_change` must be above 0, got {max_change}.", "max_change")
        self.smoothing, self.max_change = smoothing, max_change
        self.weight_min, self.weight_max = self._limits(weight_min, math.inf if weight_max is None else weight_max)

    def _limits(self, low: float, high: float) -> tuple[float, float]:
        if not low >= 0:
            raise ConfigError(f"`weight_min` must be at least 0, got {low}.", "weight_min")
        if not low <= high or high == 0:
            raise ConfigError(
                f"`weight_max` must be above 0 and at least `weight_min` ({low:g}), got {high}.", "weight_max"
            )
        if self.simplex and not low * self.count <= self.total <= high * self.count:
            raise ConfigError(
                f"{self.count} weights between {low:g} and {high:g} cannot sum to {self.total:g}.",
                "weight_min" if low * self.count > self.total else "weight_max",
            )
        return low, high

    def _starting_weights(self, weights: Sequence[float] | None, dtype: torch.dtype) -> Tensor:
        return functional.proportional(per_loss("weights", weights, self.count, dtype)) * self.total

    @property
    def follows_last(self) -> bool:
        """Whether the adjusted weights of a step depend on those of the step before."""
        return self.smoothing > 0 or self.max_change is not None

    @property
    def is_adjusted(self) -> bool:
        """Whether the weights are not simply those that the rule proposes."""
        is_limited = self.weight_min > 0 or self.weight_max < math.inf
        has_base = self._buffers["base_weights"] is not None
        return is_limited or has_base or self.smoothing > 0 or self.max_change is not None

    @property
    def keeps_sum(self) -> bool:
        """Whether the weights of the losses that are present always sum to ``total``."""
        return self.simplex

    def finish(self, proposal: Tensor, last: Tensor, present: Tensor | None = None) -> Tensor:
        """The weights (..., K) that become of what the rule proposes, :func:`adjusting.adjust`; changes nothing.

        Every rule calls this for every step on which it adapts. Without adjustments it returns the proposal itself.

        Args:
            proposal: (..., K), may carry gradient; of the sum ``total`` if the rule is ``simplex``.
            last: (..., K) weights of the last step, detached.
            present: (K,) bool, the losses that are weighed; all where it is None.
        """
        return adjusting.adjust(proposal, last, **self._adjusting(), present=present)

    def among(self, present: Tensor | None) -> Tensor:
        """The last weights (K,) of the losses that are present, brought back to their sum; 0 for the others."""
        if present is None:
            return self.weights
        if self.keeps_sum:
            return functional.shares_among(self.weights, present) * self.total
        return torch.where(present, self.weights, 0)

    def settle(self, state: StepState, proposal: Tensor, adapting: Flag) -> Tensor:
        """The weights (K,) of this step: what becomes of the proposal where ``adapting`` holds, else the last ones.

        They are kept as the last ones, without gradient. A loss that is absent has weight 0 at this step and keeps the
        weight it had; what the others have together, of all, stays as it was too.
        """
        present = state.present
        last = self.among(present)
        if present is None:
            weights = choose(adapting, self.finish(proposal, last), last)
            self.weights = weights.detach()
        else:
            weights = choose(adapting, self.finish(proposal, last, present), last)
            kept = weights.detach()
            if self.keeps_sum:
                kept = kept * (torch.where(present, self.weights, 0).sum() / self.total)
            self.weights = choose(adapting, torch.where(present, kept, self.weights), self.weights)
        return weights

    def finish_all(self, proposals: Tensor, waits: int = 0) -> Tensor:
        """:meth:`finish` for steps in a row, starting from the last weights; moves them as training would.

        Args:
            proposals: (S, K), one row per step at which the rule adapts.
            waits: Steps before these, at which it does not adapt yet.

        Returns:
            (waits + S, K) weights.
        """
        start = self.weights
        weights = adjusting.adjust_all(proposals, start, **self._adjusting())
        if len(weights):
            self.weights = weights[-1]
        return torch.cat((start.expand(waits, self.count), weights))

    def _adjusting(self) -> dict[str, Any]:
        return {
            "base": self.base_weights,
            "smoothing": self.smoothing,
            "low": self.weight_min,
            "high": self.weight_max,
            "max_change": self.max_change,
            "total": self.total if self.simplex else None,
        }

    @property
    def warmup_steps(self) -> int | None:
        """Finite steps in which the weights stay where they start: 0 if they move at once, None if they never do."""
        return None if self.losses_needed is None else self.losses_needed.of(lambda word: getattr(self, word)) - 1

    @abstractmethod
    def forward(self, state: StepState) -> Combined:
        """Learn from this step and combine its losses."""

    def explain(self, state: StepState) -> Derivation:
        """How the weights of a step come about, told from what is known *before* it; changes nothing.

        Asked only for a step whose losses are finite, with ``state.filled`` an integer. A rule that tells nothing can
        still be explained by its window and its weights.
        """
        return Derivation()

    def adjustments(self, proposal: Tensor, present: Tensor | None = None) -> tuple[Stage, ...]:
        """What :meth:`finish` does to a proposal (K,) at the next step, stage by stage; none without adjustments."""
        return adjusting_stages(
            proposal,
            self.among(present),
            base=self.base_weights,
            smoothing=self.smoothing,
            low=self.weight_min,
            high=self.weight_max,
            max_change=self.max_change,
            total=self.total if self.simplex else None,
            present=present,
        )

    def rearrange(self, places: Sequence[int | None]) -> None:
        """Go on with the losses that were at ``places``, in this order; None is a new one.

        Raises:
            ConfigError: If limits leave no room for the sum of so many weights.
        """
        count, total = self.count, self.total
        self.count = len(places)
        self.total = 1.0 if self.sum_to == "1" else float(self.count)
        try:
            self._limits(self.weight_min, self.weight_max)
        except ConfigError:
            self.count, self.total = count, total
            raise
        held = {**dict(self.named_buffers()), **self._host_tensors()}
        for name, value in self.rearranged_state(held, places).items():
            setattr(self, name, value)
        for name, parameter in self.named_parameters():
            parameter.data = self.rearranged_state({name: parameter.data}, places)[name]

    def rearranged_state(self, state: Mapping[str, Any], places: Sequence[int | None]) -> dict[str, Any]:
        """Tensors of this rule for the losses that were at ``places``; see :meth:`rearrange`."""
        state_there = dict(state)
        for name, value in state.items():
            if not isinstance(value, Tensor) or not value.ndim or name in self.shared_state:
                continue
            moved = rearranged(value, -1, places, like_others=name in self.proportions)
            whole = {"total": self.total, "1": 1.0, "count": float(len(places))}.get(self.proportions.get(name, ""))
            if whole is not None and (name != "weights" or self.keeps_sum):
                moved = functional.proportional(moved) * whole
            state_there[name] = moved
        return state_there

    def _host_tensors(self) -> dict[str, Tensor]:
        """Tensors per loss that are no buffers."""
        return {}

    def reach(self, history_max: int) -> int | None:
        """How many of the newest losses the weights are computed from; None where that is no window of steps."""
        return None

    def held(self, name: str) -> Tensor:
        """A buffer, found at once where the attribute would be searched for at every step."""
        buffer = self._buffers[name]
        assert buffer is not None
        return buffer

    def after_step(self, terms: Tensor, present: Tensor | None = None) -> None:
        """Learn from the losses (K,) of the last step's batch after the optimizer's step; without gradient.

        Args:
            terms: (K,) what they are now.
            present: (K,) bool, which there are; those of the step itself where it is None.
        """

    def current(self, terms: Tensor, present: Tensor | None = None) -> Combined:
        """Combine ``terms`` (K,), those that are present, with the last weights; changes nothing (evaluation)."""
        return self._combine(terms, self.among(present))

    def stay(self, state: StepState) -> Combined:
        """Combine the losses of a step that teaches nothing with the last weights."""
        # A rule of someone's own may have a `current` that knows nothing of absent losses.
        return self.current(state.terms) if state.present is None else self.current(state.terms, state.present)

    def _combine(self, terms: Tensor, weights: Tensor) -> Combined:
        return Combined((weights.to(terms.dtype) * terms).sum(), weights.detach())

    def replay(self, losses: Tensor, history_max: int, first: int = 0) -> Tensor:
        """Weights this rule gives to a recorded history, as if it had been live from step ``first`` on.

        Args:
            losses: (S, K) one row per step; a row with a non-finite value keeps the last weights.
            history_max: Size of the memory, in steps.
            first: Step at which this rule takes over; earlier losses only fill the memory.

        Returns:
            (S - first, K) weights in the dtype of this weighting.

        Raises:
            ConfigError: If the weighting needs more than loss values.

        Moves the state of this object as training would; give it a fresh one.
        """
        raise ConfigError(f"{type(self).__name__} needs more than loss values, so it cannot be replayed.", "weighting")


def expect_combined(weighting: Weighting, returned: object) -> Combined:
    """What a weighting returned, if it is what a weighting has to return.

    Raises:
        ConfigError: If it is anything else.
    """
    if not isinstance(returned, Combined):
        raise ConfigError(
            f"{type(weighting).__name__}.forward: expected Combined(total, weights), got {type(returned).__name__}. "
            "Return dmf.weighting.Combined.",
            "weighting",
        )
    return returned
