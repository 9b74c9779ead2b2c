"""What is said about the auxiliary weight beside its curve."""

import math

import pytest

from app.components.gamma import half_life
from dmf.schedule import AuxiliarySchedule


@pytest.mark.parametrize(
    ("rate", "every", "steps_per_epoch", "is_per_epoch", "said"),
    [
        # ln 2 / 0.05 = 13.86 periods of 22 steps are 305 steps.
        (0.05, 22, 22, True, "Half-life: 305 steps, 13.9 epochs."),
        (0.05, 100, None, True, "Half-life: 13.9 epochs (in steps once the dataset is known)."),
        (0.05, 100, None, False, "Half-life: 1,386 steps."),
        (0.0, 22, 22, True, "γ never halves."),
    ],
)
def test_the_half_life_is_told_as_far_as_it_is_known(
    rate: float, every: int, steps_per_epoch: int | None, is_per_epoch: bool, said: str
) -> None:
    schedule = AuxiliarySchedule(1.0, rate, every)
    assert math.isinf(schedule.half_life) is (rate == 0)
    assert half_life(schedule, steps_per_epoch, is_per_epoch=is_per_epoch) == said
