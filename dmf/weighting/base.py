"""What a weighting is: it maps what is known at a step to the weights W1..WK."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.weighting import adjusting, functional
from dmf.weighting.host import Count, Flag, both, choose
from dmf.weighting.stages import (
    Account,
    Normalisation,
    Stage,
    adjusting_stages,
    normalisation_stage,
    scaling_stages,
    stage,
    warming_up,
)

REPLAY_VALUES = 32_768  # window values worked on at once in a replay: few enough for the caches, and for one thread


@dataclass(frozen=True)
class StepState:
    """Everything a weighting may know at one step. New information becomes a new field.

    Attributes:
        step: Training step, counted from 0.
        terms: (K,) current losses, with gradient.
        window: (K, T) recent losses, this step's in the last column unless it was not finite.
        filled: How many of the last columns hold values: () int64, or an integer where the host knows it for free.
        finite: Whether this step's losses are all finite: () bool, or a Python one where the host knows it for free.
        logits: The network's output that the losses were computed from, with gradient; None where it is not known.
        parameters: What the losses are minimised over, with gradient; empty where it is not known.
    """

    step: int
    terms: Tensor
    window: Tensor
    filled: Count
    finite: Flag
    logits: Tensor | None = None
    parameters: tuple[Tensor, ...] = ()


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


class Weighting(nn.Module, ABC):
    """Base of all weightings. Holds the last weights, so that evaluation reads them and a checkpoint restores them.

    What a rule proposes is adjusted alike for every rule (:meth:`finish`): base weights, smoothing, limits, and last a
    limit on the change per step. A rule that is not ``simplex`` proposes weights of any sum, so base weights multiply
    them and limits clamp each by itself. Where its total is no weighted sum of the losses, it becomes one as soon as
    anything is adjusted: that of the losses with the adjusted weights, whose gradient those weights are. Until a rule
    adapts, the weights stay where they start, whatever the limits say.

    Class attributes:
        options: Fields of ``FusionConfig`` the constructor takes.
        replayable: The weights follow from loss values alone, so a recorded history can be replayed.
        simplex: The weights are never negative and always have the same sum.
        host_sync: A step waits for the device.
        looks_twice: It wants the losses of every batch again after the optimizer's step, see :meth:`after_step`.

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

    options: ClassVar[tuple[str, ...]] = (
        *("weights", "sum_to", "base_weights", "smoothing", "weight_min", "weight_max", "max_change"),
    )
    replayable: ClassVar[bool] = True
    simplex: ClassVar[bool] = True
    host_sync: ClassVar[bool] = False
    looks_twice: ClassVar[bool] = False

    weights: Tensor
    base_weights: Tensor | None

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
        self.total = 1.0 if sum_to == "1" else float(count)
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
        return self.follows_last or is_limited or self.base_weights is not None

    def finish(self, proposal: Tensor, last: Tensor) -> Tensor:
        """The weights (..., K) that become of what the rule proposes, :func:`adjusting.adjust`; changes nothing.

        Every rule calls this for every step on which it adapts. Without adjustments it returns the proposal itself.

        Args:
            proposal: (..., K), may carry gradient; of the sum ``total`` if the rule is ``simplex``.
            last: (..., K) weights of the last step, detached.
        """
        return adjusting.adjust(proposal, last, **self._adjusting())

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
    def patience(self) -> int | None:
        """Finite steps in which the weights stay where they start: 0 if they move at once, None if they never do."""
        return 0

    @abstractmethod
    def forward(self, state: StepState) -> Combined:
        """Learn from this step and combine its losses."""

    def account(self, state: StepState) -> Account:
        """How the weights of a step come about, told from what is known *before* it; changes nothing.

        Asked only for a step whose losses are finite, with ``state.filled`` an integer. A rule that tells nothing can
        still be explained by its window and its weights.
        """
        return Account()

    def adjustments(self, proposal: Tensor) -> tuple[Stage, ...]:
        """What :meth:`finish` does to a proposal (K,) at the next step, stage by stage; none without adjustments."""
        return adjusting_stages(
            proposal,
            self.weights,
            base=self.base_weights,
            smoothing=self.smoothing,
            low=self.weight_min,
            high=self.weight_max,
            max_change=self.max_change,
            total=self.total if self.simplex else None,
        )

    def reach(self, history_max: int) -> int | None:
        """How many of the newest losses the weights are computed from; None where that is no window of steps."""
        return None

    def after_step(self, terms: Tensor) -> None:
        """Learn from the losses (K,) of the last step's batch after the optimizer's step; without gradient."""

    def current(self, terms: Tensor) -> Combined:
        """Combine ``terms`` (K,) with the last weights; changes nothing (evaluation)."""
        return self._combine(terms, self.weights)

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


class WindowWeighting(Weighting):
    """Template of the rules that look at one statistic per loss of a scaled window: variance, MAD, Bayesian.

    A subclass says what the statistic is (:meth:`statistic`) and which weights it proposes (:meth:`propose`).

    Args:
        history_min: Values collected before the weights first move, at least 2.
        symlog: Compress with the symmetric logarithm, eq. (10).
        minmax: Stretch each row to 0..1, eq. (9).
        eps: Guards divisions, above 0.
        floor: Least value of the statistic, so that a loss flat in its window neither takes nor loses all weight.
            In the unit of the statistic: of the scaled window, squared for the variance.
    """

    options: ClassVar[tuple[str, ...]] = (
        *Weighting.options,
        *("history_min", "symlog", "minmax", "eps", "floor"),
    )
    default_floor: ClassVar[float]
    normalisation: ClassVar[Normalisation] = ("w from s", "w = w(s)", "The weights that the rule makes of it.")
    waits_for: ClassVar[str] = "history_min"  # the option that says how many losses it needs

    def __init__(
        self,
        count: int,
        *,
        history_min: int = 10,
        symlog: bool = True,
        minmax: bool = True,
        eps: float = 1e-7,
        floor: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(count, **options)
        floor = self.default_floor if floor is None else floor
        if history_min < 2:
            raise ConfigError(f"`history_min` must be at least 2 steps, got {history_min}.", "history_min")
        if not eps > 0:
            raise ConfigError(f"`eps` must be strictly positive, got {eps}.", "eps")
        if not floor >= 0:
            raise ConfigError(f"`floor` must be at least 0, got {floor}.", "floor")
        self.history_min, self.symlog, self.minmax = history_min, symlog, minmax
        self.eps, self.floor = eps, floor

    @abstractmethod
    def statistic(self, scaled: Tensor, filled: Count) -> Tensor:
        """One number per loss (..., K) of the scaled windows (..., K, T); pure."""

    @abstractmethod
    def propose(self, statistic: Tensor) -> Tensor:
        """Weights (..., K) that sum to 1; may read state but not change it."""

    def learn(self, statistic: Tensor, adapting: Flag) -> None:
        """Update state of the subclass after a step, where ``adapting`` holds."""

    def propose_all(self, statistics: Tensor) -> Tensor:
        """:meth:`propose` and :meth:`learn` for adaptive steps in a row, (S, K).

        A rule that learns overrides both.
        """
        return self.propose(statistics)

    @property
    def patience(self) -> int | None:
        return self.history_min - 1

    def scale(self, window: Tensor, filled: Count) -> Tensor:
        """The window as the statistic sees it, (..., K, T): compressed, then stretched."""
        return self.stretch(self.compress(window), filled)

    def compress(self, losses: Tensor) -> Tensor:
        """What is done to every loss by itself; a replay does it once and not for every window. Shape as given."""
        return functional.symlog(losses) if self.symlog else losses

    def stretch(self, compressed: Tensor, filled: Count) -> Tensor:
        """What is done to a window as a whole, (..., K, T)."""
        return functional.minmax(compressed, filled, self.eps) if self.minmax else compressed

    def forward(self, state: StepState) -> Combined:
        adapting = both(state.finite, state.filled >= self.history_min)
        if adapting is False:
            return self.current(state.terms)
        statistic = self.statistic(self.scale(state.window, state.filled), state.filled)
        return self._combine(state.terms, self._advance(statistic, adapting))

    def _advance(self, statistic: Tensor, adapting: Flag) -> Tensor:
        proposal = self._summing(self.propose(statistic))
        self.learn(statistic.detach(), adapting)
        weights = choose(adapting, self.finish(proposal, self.weights), self.weights)
        self.weights = weights.detach()
        return weights

    def _summing(self, shares: Tensor) -> Tensor:
        return shares if self.total == 1 else shares * self.total

    def account(self, state: StepState) -> Account:
        filled = int(state.filled)
        if not filled:
            return Account(note=warming_up(0, self.history_min))
        scaled = self.scale(state.window, filled)
        stages = scaling_stages(
            state.window[:, -filled:], scaled[:, -filled:], symlog=self.symlog, minmax=self.minmax, eps=self.eps
        )
        if filled < self.history_min:
            return Account(stages, None, warming_up(filled, self.history_min))
        statistic = self.statistic(scaled, filled)
        proposal = self._summing(self.propose(statistic))
        shares = normalisation_stage(*self.normalisation, proposal, self.total)
        return Account((*stages, *self.statistic_stages(scaled, filled, statistic), shares), proposal)

    def statistic_stages(self, scaled: Tensor, filled: Count, statistic: Tensor) -> tuple[Stage, ...]:
        """How the statistic (K,) comes of the scaled windows (K, T)."""
        return (stage("statistic", "Statistic", "s of h", "s(h)", "What the rule looks at.", statistic),)

    def reach(self, history_max: int) -> int | None:
        return history_max

    def check_memory(self, history_max: int) -> None:
        """Refuse a memory too short for the weights to ever move.

        Raises:
            ConfigError: If it holds fewer losses than the rule waits for.
        """
        if history_max < self.history_min:
            raise ConfigError(
                f"`history_max` must be at least {self.history_min}, the weighting's `{self.waits_for}`, got "
                f"{history_max}; the weights would never move.",
                "history_max",
            )

    @torch.no_grad()
    def replay(self, losses: Tensor, history_max: int, first: int = 0) -> Tensor:
        self.check_memory(history_max)
        losses = losses.to(self.weights)
        finite = torch.isfinite(losses).all(-1)
        before = losses[:first][finite[:first]][-history_max:]
        # A step that is not finite never enters the memory and keeps the last weights.
        kept = torch.cat((before, losses[first:][finite[first:]]))
        start = self.weights
        waits = min(max(self.history_min - 1 - len(before), 0), len(kept) - len(before))
        statistics = self._statistics(kept, history_max, len(before) + waits)
        proposals = self._summing(self.propose_all(statistics)) if len(statistics) else statistics
        return torch.cat((start[None], self.finish_all(proposals, waits)))[finite[first:].cumsum(0)]

    def _statistics(self, losses: Tensor, history_max: int, first: int) -> Tensor:
        """The statistic of the windows that end at step ``first`` or later, (S - first, K)."""
        return self._over_windows(self.statistic, losses, history_max, first)

    def _over_windows(
        self, measure: Callable[[Tensor, Count], Tensor], losses: Tensor, history_max: int, first: int
    ) -> Tensor:
        """What ``measure`` makes of those scaled windows, a chunk at a time."""
        padded = torch.cat((losses.new_zeros(history_max - 1, self.count), self.compress(losses))).T
        windows = padded.unfold(1, history_max, 1).transpose(0, 1) if len(losses) else losses[..., None]  # (S, K, T)
        full = min(max(history_max - 1, first), len(losses))  # the windows of earlier steps are filling
        chunk = max(1, REPLAY_VALUES // (self.count * history_max))
        filling = torch.arange(first + 1, full + 1, device=losses.device).split(chunk)
        parts = [
            *zip(windows[first:full].split(chunk), filling, strict=True),
            *((window, history_max) for window in windows[full:].split(chunk)),
        ]
        return torch.cat([measure(self.stretch(window.contiguous(), filled), filled) for window, filled in parts])
