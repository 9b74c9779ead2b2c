"""What schedules of the auxiliary weight promise."""

import math
from collections.abc import Callable

from dmf.config import FusionConfig
from dmf.methods.checks import require
from dmf.schedule import AuxiliarySchedule, build_schedule

STEPS_PER_EPOCH = 7
STEPS = (*range(200), 1_000, 100_000, 10_000_000)


def _built(name: str, gamma: float = 1.0) -> AuxiliarySchedule:
    return build_schedule(FusionConfig(schedule=name, gamma=gamma), STEPS_PER_EPOCH)


def weight_is_sound(name: str) -> None:
    """The weight is a finite number of at least 0, however long one trains."""
    schedule = _built(name)
    for step in STEPS:
        weight = schedule(step)
        holds = isinstance(weight, float) and math.isfinite(weight) and weight >= 0
        require(holds, f"a weight must be a finite number of at least 0; at step {step:,} it is {weight!r}")


def weight_is_a_share(name: str) -> None:
    """Twice the first weight is twice the weight at every step."""
    one, two = _built(name), _built(name, gamma=2.0)
    for step in STEPS:
        expected = 2 * one(step)
        require(
            math.isclose(two(step), expected, rel_tol=1e-9),
            f"with twice the first weight, the weight at step {step:,} is {two(step)!r} instead of {expected!r}",
        )


def weight_follows_from_the_step(name: str) -> None:
    """The weight at a step is the same whichever steps were asked for before: a resumed run goes on where it was."""
    forth, back = _built(name), _built(name)
    asked = {step: forth(step) for step in STEPS}
    for step in reversed(STEPS):
        again = back(step)
        require(again == asked[step], f"at step {step:,} the weight is once {asked[step]!r} and once {again!r}")


def half_life_is_where_half_is_left(name: str) -> None:
    """By the half-life that it tells, no more than half is left; well before it, more is."""
    schedule = _built(name)
    if math.isinf(schedule.half_life):
        require(schedule(STEPS[-1]) > schedule(0) / 2, "it says that it never halves, and it does")
        return
    after, before = math.ceil(schedule.half_life) + STEPS_PER_EPOCH, math.floor(schedule.half_life) - STEPS_PER_EPOCH
    require(schedule(after) <= schedule(0) / 2, f"its half-life is {schedule.half_life:g} steps, and more is left then")
    require(before <= 0 or schedule(before) > schedule(0) / 2, f"less than half is left at step {before:,} already")


SCHEDULE_CHECKS: dict[str, Callable[[str], None]] = {
    "the weight is a finite number of at least 0": weight_is_sound,
    "the weight is a share of the first": weight_is_a_share,
    "the weight follows from the step alone": weight_follows_from_the_step,
    "half is left at its half-life": half_life_is_where_half_is_left,
}
