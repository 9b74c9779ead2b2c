"""Loss histories drawn by a few numbers, to try weightings on: decay, noise, plateaus, steps, spikes, gaps.

Everything follows from the settings, which are plain data: the same settings give the same history everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dmf.options import Finite, FrozenConfig, NonNegative

MOST_STEPS = 100_000


class SyntheticLoss(FrozenConfig):
    """The shape of one loss over the steps."""

    start: Finite = Field(1.0, description="The value it begins at; sets its scale.")
    end: Finite = Field(0.2, description="The value it falls to, if it is given the time.")
    decay_rate: NonNegative = Field(0.005, description="How fast it falls: share of the way to its end, per step.")
    noise: NonNegative = Field(0.05, description="How much it jitters: standard deviation, as a share of its value.")
    plateau_from: int = Field(0, ge=0, description="Step at which it stops falling for a while.")
    plateau_length: int = Field(0, ge=0, description="Steps for which it stays on that plateau; 0 for none.")
    change_at: int = Field(0, ge=0, description="Step from which its scale is another one.")
    change_factor: Finite = Field(1.0, description="What it is multiplied by from that step on; 1 for no change.")
    spikes: int = Field(0, ge=0, le=1000, description="How many single steps shoot up, at places drawn by the seed.")
    spike_height: Finite = Field(10.0, description="How many times its value a spike reaches.")
    flat_from: int | None = Field(
        None, ge=0, description="Step from which it does not move any more, not even by noise; none for never."
    )
    gaps: int = Field(0, ge=0, le=1000, description="How many gaps it has, in which its value is not a number (NaN).")
    gap_length: int = Field(5, ge=1, description="Steps that each gap lasts.")


class Synthetic(FrozenConfig):
    """A history of several losses."""

    steps: int = Field(1000, ge=2, le=MOST_STEPS, description="Training steps of the history.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Decides all chance: the same seed gives the same history.")
    losses: tuple[SyntheticLoss, ...] = Field(
        (SyntheticLoss(decay_rate=0.02), SyntheticLoss(), SyntheticLoss(decay_rate=0.001, noise=0.02)),
        min_length=1,
        max_length=6,
        description="The losses L1..LK, each with a shape of its own.",
    )

    @property
    def names(self) -> tuple[str, ...]:
        """``L1`` to ``LK``."""
        return tuple(f"L{number}" for number in range(1, len(self.losses) + 1))


def synthetic_losses(config: Synthetic) -> NDArray[np.float64]:
    r"""The history that the settings describe.

    .. math:: L(t) = \left(e + (s - e)\, e^{-r\,\tau(t)}\right)\left(1 + \sigma z_t\right)

    with start :math:`s`, end :math:`e`, rate :math:`r` per step, noise :math:`\sigma` and standard normal
    :math:`z_t`; the clock :math:`\tau` stands still on the plateau. Then come the change of scale, the spikes, the
    value that stays, and the gaps, in this order. Each loss draws from (seed, its place), so adding one leaves the
    others as they are; what is drawn at random falls on places of the whole history.

    Returns:
        (S, K) one row per step; NaN in gaps.
    """
    return np.column_stack([_loss(shape, config.steps, config.seed, at) for at, shape in enumerate(config.losses)])


def _loss(shape: SyntheticLoss, steps: int, seed: int, at: int) -> NDArray[np.float64]:
    # One generator for each kind of chance, so that more spikes do not change the noise.
    noise, spikes, gaps = (np.random.default_rng((seed, at, kind)) for kind in range(3))
    step = np.arange(steps)
    clock = step - np.clip(step - shape.plateau_from, 0, shape.plateau_length)
    values: NDArray[np.float64] = shape.end + (shape.start - shape.end) * np.exp(-shape.decay_rate * clock)
    values = values * (1 + shape.noise * noise.standard_normal(steps))
    values[shape.change_at :] *= shape.change_factor
    values[spikes.permutation(steps)[: shape.spikes]] *= shape.spike_height
    if shape.flat_from is not None:
        values[shape.flat_from :] = values[min(shape.flat_from, steps - 1)]
    for first in gaps.permutation(steps)[: shape.gaps]:
        values[first : first + shape.gap_length] = np.nan
    return values


@dataclass(frozen=True)
class Shape:
    """A history worth a look: what it is called, what to watch in it, and its settings."""

    title: str
    about: str
    config: Synthetic


def _shape(title: str, about: str, *losses: SyntheticLoss) -> Shape:
    return Shape(title, about, Synthetic(losses=losses))


SHAPES: Mapping[str, Shape] = {
    "scales": _shape(
        "Three losses of different scale",
        "The same fall at a hundredth, once and a hundred times the size: which rules care about scale?",
        SyntheticLoss(start=0.01, end=0.002),
        SyntheticLoss(),
        SyntheticLoss(start=100.0, end=20.0),
    ),
    "falls": _shape(
        "Three speeds",
        "One loss falls fast, one slowly, one hardly: which of them gets the weight?",
        SyntheticLoss(decay_rate=0.02),
        SyntheticLoss(decay_rate=0.005),
        SyntheticLoss(decay_rate=0.001),
    ),
    "spike": _shape(
        "A spike",
        "One loss shoots up a few times: how long does each rule remember it?",
        SyntheticLoss(spikes=3, spike_height=20.0),
        SyntheticLoss(decay_rate=0.003),
        SyntheticLoss(decay_rate=0.008),
    ),
    "flat": _shape(
        "One goes flat",
        "From step 400 on one loss does not move any more: does it lose its weight, or take all of it?",
        SyntheticLoss(flat_from=400),
        SyntheticLoss(decay_rate=0.003),
        SyntheticLoss(decay_rate=0.008),
    ),
    "noise": _shape(
        "Noise",
        "Three losses fall alike, with little, some and much noise.",
        SyntheticLoss(noise=0.01),
        SyntheticLoss(noise=0.05),
        SyntheticLoss(noise=0.25),
    ),
    "plateau": _shape(
        "A plateau",
        "One loss stands still for 300 steps and then goes on falling.",
        SyntheticLoss(plateau_from=200, plateau_length=300),
        SyntheticLoss(decay_rate=0.003),
        SyntheticLoss(decay_rate=0.008),
    ),
    "rescaled": _shape(
        "A change of scale",
        "At step 500 one loss is counted in another unit, ten times as large.",
        SyntheticLoss(change_at=500, change_factor=10.0),
        SyntheticLoss(decay_rate=0.003),
        SyntheticLoss(decay_rate=0.008),
    ),
    "gaps": _shape(
        "Gaps",
        "Steps in which a loss is not a number change nothing: the weights stay where they were.",
        SyntheticLoss(gaps=4, gap_length=40),
        SyntheticLoss(decay_rate=0.003),
        SyntheticLoss(decay_rate=0.008),
    ),
}
"""Name to a history ready to be looked at."""
