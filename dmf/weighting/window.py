"""Template of the rules that look at a window of recent losses, scaled, with one statistic per loss."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.facts import LossesNeeded
from dmf.options import NonNegative, Positive, slider
from dmf.weighting import arithmetic, functional, plain
from dmf.weighting.base import Combined, StepState, Weighting
from dmf.weighting.host import Count, Flag, both, enough, lowest
from dmf.weighting.options import StartOptions, WeightingOptions
from dmf.weighting.plain import HostState
from dmf.weighting.stages import (
    Derivation,
    Normalisation,
    Stage,
    normalisation_stage,
    scaling_stages,
    stage,
    warming_up,
)

REPLAY_VALUES = 32_768  # window values worked on at once in a replay: few enough for the caches, and for one thread


class WindowOptions(WeightingOptions):
    """Options of every rule that remembers the last steps."""

    history_min: int = Field(
        10,
        ge=2,
        title="Warm-up steps",
        description="Steps whose losses are collected before the weights first move.",
        json_schema_extra=slider(2, 1000, integer=True),
    )
    symlog: bool = Field(
        True,
        title="Symmetric logarithm",
        description="Dampen outliers: pass each loss history through sign(x) log(1+|x|) first.",
        json_schema_extra={"folded": True},
    )
    minmax: bool = Field(
        True,
        title="Min-max scaling",
        description="Then stretch each history to 0..1, so that only its shape counts.",
        json_schema_extra={"folded": True},
    )
    eps: Positive = Field(
        1e-7,
        title="Epsilon",
        description="Tiny number added where min-max scaling and 1/MAD would divide by zero.",
        json_schema_extra=slider(1e-12, 1e-2, folded=True),
    )
    floor: NonNegative | None = Field(
        None,
        title="Floor of the spread",
        description="Least spread a loss counts with; default 1e-6 for variance, 1e-3 for MAD and Bayesian.",
        json_schema_extra=slider(1e-9, 1.0, none=("default", "low"), folded=True),
    )

    def check(self, count: int, history_max: int, *, sums: bool = False) -> None:
        """As :meth:`WeightingOptions.check`; and no more may be collected than is remembered."""
        super().check(count, history_max, sums=sums)
        if self.history_min > history_max:
            raise ValueError(
                f"history_min: {self.history_min} is above history_max ({history_max}), so the weights would "
                "never move; lower it or raise history_max"
            )


class WindowWeighting(Weighting):
    """Template of the rules that look at one statistic per loss of a scaled window: variance, MAD, Bayesian.

    A subclass says what the statistic is (:meth:`statistic`) and which weights it proposes (:meth:`propose`).

    Where losses are absent at times, the window of each is its own newest values, and those that are present are
    weighed among themselves, once each of them has values enough. To :meth:`statistic` an absent loss is flat at 0; to
    :meth:`propose` it has the statistic ``absent``.

    Args:
        history_min: Values collected before the weights first move, at least 2.
        symlog: Compress with the symmetric logarithm, eq. (10).
        minmax: Stretch each row to 0..1, eq. (9).
        eps: Guards divisions, above 0.
        floor: Least value of the statistic, so that a loss flat in its window neither takes nor loses all weight.
            In the unit of the statistic: of the scaled window, squared for the variance.
    """

    losses_needed: ClassVar[LossesNeeded | None] = LossesNeeded(0, "history_min")
    declares: ClassVar[type[StartOptions]] = WindowOptions
    takes_absent: ClassVar[bool] = True
    default_floor: ClassVar[float]
    normalisation: ClassVar[Normalisation] = ("w from s", "w = w(s)", "The weights that the rule makes of it.")
    waits_for: ClassVar[str] = "history_min"  # the option that says how many losses it needs
    absent: ClassVar[float] = 0.0  # the statistic with which :meth:`propose` gives a loss no weight

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
        self._ring: plain.Ring | None = None  # of a step in plain numbers

    @abstractmethod
    def statistic(self, scaled: Tensor, filled: Count) -> Tensor:
        """One number per loss (..., K) of the scaled windows (..., K, T); pure."""

    @abstractmethod
    def propose(self, statistic: Tensor) -> Tensor:
        """Weights (..., K) that sum to 1; may read state but not change it."""

    def learn(self, statistic: Tensor, adapting: Flag) -> None:
        """Update state of the subclass after a step, where ``adapting`` holds: () of all losses, or (K,) of each."""

    def propose_all(self, statistics: Tensor) -> Tensor:
        """:meth:`propose` and :meth:`learn` for adaptive steps in a row, (S, K).

        A rule that learns overrides both.
        """
        return self.propose(statistics)

    def scale(self, window: Tensor, filled: Count) -> Tensor:
        """The window as the statistic sees it, (..., K, T): compressed, then stretched."""
        return self.stretch(self.compress(window), filled)

    def compress(self, losses: Tensor) -> Tensor:
        """What is done to every loss by itself; a replay does it once and not for every window. Shape as given.

        Without the symmetric logarithm losses are :func:`functional.bounded`, so that no statistic overflows.
        """
        return functional.symlog(losses) if self.symlog else functional.bounded(losses)

    def stretch(self, compressed: Tensor, filled: Count) -> Tensor:
        """What is done to a window as a whole, (..., K, T)."""
        return functional.minmax(compressed, filled, self.eps) if self.minmax else compressed

    def forward(self, state: StepState) -> Combined:
        adapting = both(state.finite, enough(state.filled, self.history_min, state.present))
        if adapting is False:
            return self.stay(state)
        statistic, proposal = self._propose(state)
        learns = adapting if state.present is None else state.present & adapting
        self.learn(statistic.detach(), learns)
        return self._combine(state.terms, self.settle(state, proposal, adapting))

    @property
    def compress_on_host(self) -> Callable[[plain.Numbers], plain.Numbers | None]:
        """As :meth:`compress`, of plain numbers."""
        return plain.symlog if self.symlog else plain.unbounded

    def scaled_on_host(self, state: HostState) -> plain.Numbers | None:
        """The filled part (K, n) of this step's window, as :meth:`scale` makes it.

        None where losses are too large for plain numbers.
        """
        ring = self._ring
        if ring is None or not ring.follows(state.history):
            self._ring = ring = plain.Ring(state.history, self.compress_on_host)
        part = ring.add(state.values)
        return plain.minmax(part, self.eps) if self.minmax and part is not None else part

    def _propose(self, state: StepState) -> tuple[Tensor, Tensor]:
        """Statistic and proposal (K,) of a step whose windows are filled far enough."""
        scaled, present = self.scale(state.window, state.filled), state.present
        if present is None:
            statistic = self.statistic(scaled, state.filled)
            return statistic, self._summing(self.propose(statistic))
        statistic = self.statistic(torch.where(present[:, None], scaled, 0), state.filled)
        statistic = torch.where(present, statistic, self.absent)
        return statistic, self._summing(functional.shares_among(self.propose(statistic), present))

    def _summing(self, shares: Tensor) -> Tensor:
        return shares if self.total == 1 else shares * self.total

    def explain(self, state: StepState) -> Derivation:
        filled = lowest(state.filled, state.present) if isinstance(state.filled, Tensor) else state.filled
        if not filled:
            return Derivation(note=warming_up(0, self.history_min))
        scaled = self.scale(state.window, state.filled)
        stages = scaling_stages(
            _seen(state.window, state.filled),
            _seen(scaled, state.filled),
            symlog=self.symlog,
            minmax=self.minmax,
            eps=self.eps,
        )
        if filled < self.history_min:
            return Derivation(stages, None, warming_up(int(filled), self.history_min))
        statistic, proposal = self._propose(state)
        stages = (*stages, *self.statistic_stages(scaled, state.filled, statistic))
        parts = self._parts(torch.from_numpy(stages[-1].values), proposal, state.present)
        shares = normalisation_stage(*self.normalisation, proposal, self.total, parts=parts)
        return Derivation((*stages, shares), proposal)

    def _parts(self, last: Tensor, proposal: Tensor, present: Tensor | None) -> arithmetic.Lines:
        """What the weights are shares of, as text; nothing where they are no shares of what the last stage told."""
        if last.shape != proposal.shape:
            return ()
        shares = self._summing(functional.shares_among(last, present))
        return arithmetic.parts_of(last, present) if torch.allclose(shares, proposal.double(), atol=1e-6) else ()

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


def _seen(window: Tensor, filled: Count) -> Tensor:
    """The filled columns (K, T) of a window; NaN where one loss has fewer values than another."""
    if isinstance(filled, Tensor):
        window = torch.where(functional.valid_columns(window, filled), window, torch.nan)
        filled = int(filled.max())
    return window[:, -filled:]
