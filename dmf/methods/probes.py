"""What a weighting does when one loss misbehaves: found by running it twice, on the same history with and without."""

import copy
import statistics
import time
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from dmf.config import FusionConfig
from dmf.fusion import Fusion
from dmf.methods.live import LiveHistory
from dmf.weighting import WEIGHTINGS, GradientWeighting, Weighting, build_weighting

BEFORE, AFTER = 120, 140  # steps; a memory of 100 is full before, and empties after
TERMS = ("first", "second", "third")
HARDLY = 0.01  # a share that moves less than this is the same to two digits
LONG = 100  # steps after which what still moves has no step of its own
COST_STEPS = 300


@dataclass(frozen=True)
class Reaction:
    """What happened to the share of the weight that the first loss has, after something happened to the loss.

    Attributes:
        usual: Its share where nothing had happened, at the step at which the two histories differ most.
        got: Its share there.
        after: Steps from the event to there.
        back: Steps from the event until the difference is below a tenth of that, for good; None if it stays.
    """

    usual: float
    got: float
    after: int
    back: int | None

    def in_words(self) -> str:
        """For people: ``"falls from 0.33 to 0.08, back after 100 steps"``."""
        moved = abs(self.got - self.usual)
        if moved < HARDLY:
            return "hardly moves" if moved else "takes no notice"
        way = "falls" if self.got < self.usual else "rises"
        if self.back is None and self.after >= LONG:
            return f"{way} from {self.usual:.2f} to {self.got:.2f} within {AFTER} steps"
        when = "" if self.after <= 1 else f" after {self.after} steps"
        if self.back is None:
            then = ", stays"
        else:
            then = f", back after {self.back} step{'' if self.back == 1 else 's'}"
        return f"{way} from {self.usual:.2f} to {self.got:.2f}{when}{then}"


@dataclass(frozen=True)
class ProbeResults:
    """What a weighting does and keeps, with three losses and all settings at their defaults.

    Attributes:
        spike: One loss is five times as high for one step.
        plateau: One loss stands still from a step on.
        scale: One loss is ten times as high from a step on.
        numbers: How many numbers it keeps.
        remembered: How many of the last losses it looks at besides; 0 for none.
        passes: What it needs of the network besides, in words; empty for nothing.
    """

    spike: Reaction
    plateau: Reaction
    scale: Reaction
    numbers: int
    remembered: int
    passes: str


def usual_history() -> Tensor:
    """(260, 3) losses that fall at three speeds from three heights, with a noise of 2 %."""
    steps = torch.arange(BEFORE + AFTER, dtype=torch.float64)
    height, floor = torch.tensor([0.8, 0.5, 1.0]), torch.tensor([0.2, 0.1, 0.3])
    falling = floor + height * torch.exp(-steps[:, None] / torch.tensor([150.0, 100.0, 250.0]))
    noise = torch.randn(len(steps), 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return falling * (1 + 0.02 * noise)


def disturbed(what: str) -> Tensor:
    """The usual history (260, 3) with its first loss disturbed after 120 steps: ``spike``, ``plateau`` or ``scale``."""
    losses = usual_history()
    match what:
        case "spike":
            losses[BEFORE, 0] *= 5
        case "plateau":
            losses[BEFORE:, 0] = losses[BEFORE - 1, 0]
        case "scale":
            losses[BEFORE:, 0] *= 10
        case _:
            raise ValueError(f"`what` must be spike, plateau or scale, got {what!r}.")
    return losses


def probe(name: str) -> ProbeResults:
    """What a weighting of the registry does and keeps; takes up to a few seconds where gradients are looked at.

    A rule that needs a network is stepped on a tiny one whose losses are given, see :mod:`dmf.methods.live`.

    Raises:
        UnknownNameError: If there is no such weighting.
    """
    config = FusionConfig(weighting=name, terms=TERMS)
    weighting = build_weighting(config)
    if weighting.replayable:
        runs = {what: build_weighting(config).replay(losses, config.history_max) for what, losses in _histories()}
    else:
        runs = _lived(config)
    usual = runs.pop("usual")
    return ProbeResults(
        **{what: reaction(usual[BEFORE:], weights[BEFORE:]) for what, weights in runs.items()},
        numbers=sum(value.numel() for value in weighting.state_dict().values() if isinstance(value, Tensor)),
        remembered=weighting.reach(config.history_max) or 0,
        passes=_passes(weighting),
    )


def _histories() -> list[tuple[str, Tensor]]:
    return [("usual", usual_history()), *((what, disturbed(what)) for what in ("spike", "plateau", "scale"))]


def _lived(config: FusionConfig) -> dict[str, Tensor]:
    """Weights (260, 3) by history; what all have in common is lived through once."""
    begun = _live(config)
    common = begun.run(usual_history()[:BEFORE])
    return {what: torch.cat((common, copy.deepcopy(begun).run(losses[BEFORE:]))) for what, losses in _histories()}


def _live(config: FusionConfig) -> LiveHistory:
    return LiveHistory(Fusion(build_weighting(config), history_max=config.history_max), optimizer="adam")


def reaction(usual: Tensor, got: Tensor) -> Reaction:
    """How weights (S, K) differ from those of the usual history (S, K), from the event on.

    Weights are compared as shares of their sum, because not all have the same sum.
    """
    expected, reacted = (weights[:, 0] / weights.sum(-1) for weights in (usual, got))
    gap = (reacted - expected).abs()
    at = int(gap.argmax())
    still = (gap > gap[at] / 10).nonzero()
    last = int(still[-1]) if len(still) else 0
    back = None if last == len(gap) - 1 else last + 1
    return Reaction(round(float(expected[at]), 4), round(float(reacted[at]), 4), at, back)


def cost(name: str) -> float:
    """Median CPU time of a step of this weighting with three losses, in microseconds, on one thread.

    From losses to their weighted total; what the network costs is not in it.

    Raises:
        UnknownNameError: If there is no such weighting.
    """
    live = _live(FusionConfig(weighting=name, terms=TERMS))
    rows, taken = usual_history(), []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for step in range(BEFORE + COST_STEPS):
            parts = live.losses(rows[step % len(rows)])
            start = time.thread_time()
            live.fusion(parts)
            taken.append(time.thread_time() - start)
    finally:
        torch.set_num_threads(threads)
    return statistics.median(taken[BEFORE:]) * 1e6


def _passes(weighting: Weighting) -> str:
    if isinstance(weighting, GradientWeighting):
        return "a backward pass per loss"
    return "a second forward pass" if weighting.looks_twice else ""


def first_sentence(name: str) -> str:
    """How the class of a weighting describes itself, for one that is in no table of ours."""
    kind = cast(Any, WEIGHTINGS[name])
    return str(kind.__doc__ or "").strip().split("\n")[0].strip()
