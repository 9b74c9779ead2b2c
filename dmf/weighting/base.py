"""What a weighting is: it maps what is known at a step to the weights W1..WK."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.weighting import functional
from dmf.weighting.host import Count, Flag, both, choose

REPLAY_VALUES = 4_000_000  # window values worked on at once in a replay: 32 MB in float64


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

    Class attributes:
        options: Fields of ``FusionConfig`` the constructor takes.
        replayable: The weights follow from loss values alone, so a recorded history can be replayed.
        simplex: The weights are never negative and always have the same sum.
        host_sync: A step waits for the device.

    Args:
        count: Number of losses K.
        weights: Weights to start from; equal when not given. Only their proportions matter to adaptive rules.
        sum_to: ``"1"`` or ``"K"``; the latter multiplies the effective learning rate by K.
        dtype: Of the weights.

    Raises:
        ConfigError: If the weights do not fit.
    """

    options: ClassVar[tuple[str, ...]] = ("weights", "sum_to")
    replayable: ClassVar[bool] = True
    simplex: ClassVar[bool] = True
    host_sync: ClassVar[bool] = False

    weights: Tensor

    def __init__(
        self,
        count: int,
        *,
        weights: Sequence[float] | None = None,
        sum_to: str = "1",
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

    def _starting_weights(self, weights: Sequence[float] | None, dtype: torch.dtype) -> Tensor:
        return functional.proportional(per_loss("weights", weights, self.count, dtype)) * self.total

    @property
    def patience(self) -> int | None:
        """Finite steps in which the weights stay where they start: 0 if they move at once, None if they never do."""
        return 0

    @abstractmethod
    def forward(self, state: StepState) -> Combined:
        """Learn from this step and combine its losses."""

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
        weight_min, weight_max: Limits of every weight.
        smoothing: Share of the last step's weights that is kept, 0 <= smoothing < 1.
    """

    options: ClassVar[tuple[str, ...]] = (
        *Weighting.options,
        *("history_min", "symlog", "minmax", "eps", "floor", "weight_min", "weight_max", "smoothing"),
    )
    default_floor: ClassVar[float]
    waits_for: ClassVar[str] = "history_min"  # the option that says how many losses it needs

    def __init__(
        self,
        count: int,
        *,
        weights: Sequence[float] | None = None,
        sum_to: str = "1",
        history_min: int = 10,
        symlog: bool = True,
        minmax: bool = True,
        eps: float = 1e-7,
        floor: float | None = None,
        weight_min: float = 0.0,
        weight_max: float | None = None,
        smoothing: float = 0.0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__(count, weights=weights, sum_to=sum_to, dtype=dtype)
        floor = self.default_floor if floor is None else floor
        if history_min < 2:
            raise ConfigError(f"`history_min` must be at least 2 steps, got {history_min}.", "history_min")
        if not eps > 0:
            raise ConfigError(f"`eps` must be strictly positive, got {eps}.", "eps")
        if not floor >= 0:
            raise ConfigError(f"`floor` must be at least 0, got {floor}.", "floor")
        if not 0 <= smoothing < 1:
            raise ConfigError(f"`smoothing` must be at least 0 and below 1, got {smoothing}.", "smoothing")
        if not weight_min >= 0:
            raise ConfigError(f"`weight_min` must be at least 0, got {weight_min}.", "weight_min")
        high = torch.inf if weight_max is None else weight_max
        if not weight_min * count <= self.total <= high * count:
            raise ConfigError(
                f"{count} weights between {weight_min:g} and {high:g} cannot sum to {self.total:g}.",
                "weight_min" if weight_min * count > self.total else "weight_max",
            )
        self.history_min, self.symlog, self.minmax = history_min, symlog, minmax
        self.eps, self.floor, self.smoothing = eps, floor, smoothing
        self.weight_min, self.weight_max = weight_min, high
        self.is_limited = weight_min > 0 or weight_max is not None

    @abstractmethod
    def statistic(self, scaled: Tensor, filled: Count) -> Tensor:
        """One number per loss (..., K) of the scaled windows (..., K, T); pure."""

    @abstractmethod
    def propose(self, statistic: Tensor) -> Tensor:
        """Weights (..., K) that sum to 1; may read state but not change it."""

    def learn(self, statistic: Tensor, adapting: Flag) -> None:
        """Update state of the subclass after a step, where ``adapting`` holds."""

    @property
    def patience(self) -> int | None:
        return self.history_min - 1

    @property
    def is_recursive(self) -> bool:
        """Whether the weights of a step depend on those of the step before."""
        return self.smoothing > 0

    def scale(self, window: Tensor, filled: Count) -> Tensor:
        """The window as the statistic sees it, (..., K, T)."""
        return functional.scale(window, filled, symlog_on=self.symlog, minmax_on=self.minmax, eps=self.eps)

    def forward(self, state: StepState) -> Combined:
        adapting = both(state.finite, state.filled >= self.history_min)
        if adapting is False:
            return self.current(state.terms)
        statistic = self.statistic(self.scale(state.window, state.filled), state.filled)
        return self._combine(state.terms, self._advance(statistic, adapting))

    def _advance(self, statistic: Tensor, adapting: Flag) -> Tensor:
        proposal = self.propose(statistic)
        self.learn(statistic.detach(), adapting)
        weights = choose(adapting, self._finish(proposal, self.weights), self.weights)
        self.weights = weights.detach()
        return weights

    def _finish(self, proposal: Tensor, last: Tensor) -> Tensor:
        weights = proposal if self.total == 1 else proposal * self.total
        if self.smoothing > 0:
            weights = self.smoothing * last + (1 - self.smoothing) * weights
        if self.is_limited:
            weights = functional.limit(weights, self.weight_min, self.weight_max, self.total)
        return weights

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
        filled = torch.arange(1, len(kept) + 1, device=kept.device).clamp(max=history_max)
        start = self.weights
        statistics = self._statistics(kept, filled, history_max)[len(before) :]
        adapting = filled[len(before) :] >= self.history_min
        if self.is_recursive:
            rows = [self._advance(statistic, now) for statistic, now in zip(statistics, adapting, strict=True)]
            weights = torch.stack(rows) if rows else statistics
        else:
            weights = torch.where(adapting[:, None], self._finish(self.propose(statistics), start), start)
            self.weights = weights[-1] if len(weights) else start
        return torch.cat((start[None], weights))[finite[first:].cumsum(0)]

    def _statistics(self, losses: Tensor, filled: Tensor, history_max: int) -> Tensor:
        """The statistic of every step's window, (S, K), in chunks that keep memory bounded."""
        if not len(losses):
            return losses
        padded = torch.cat((losses.new_zeros(history_max - 1, self.count), losses)).T
        windows = padded.unfold(1, history_max, 1).transpose(0, 1)  # (S, K, T), a view
        chunk = max(1, REPLAY_VALUES // (self.count * history_max))
        parts = [
            self.statistic(self.scale(window, fill), fill)
            for window, fill in zip(torch.split(windows, chunk), torch.split(filled, chunk), strict=True)
        ]
        return torch.cat(parts)
