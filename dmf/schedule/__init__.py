"""How the weight of the auxiliary loss falls over training: gamma(t), eq. (2) of the DMF paper, and others.

To add one: a file here, which also declares its options, a line in :data:`SCHEDULES`, a test of its value by hand.
"""

from typing import Any

from dmf.config import FusionConfig
from dmf.registry import Registry
from dmf.schedule.auxiliary import AuxiliarySchedule
from dmf.schedule.base import FallingOptions, PeriodOptions, Schedule
from dmf.schedule.constant import Constant
from dmf.schedule.cosine import Cosine
from dmf.schedule.exponential import Exponential
from dmf.schedule.linear import Linear
from dmf.schedule.step import Step

__all__ = [
    "SCHEDULES",
    "AuxiliarySchedule",
    "Constant",
    "Cosine",
    "Exponential",
    "FallingOptions",
    "Linear",
    "PeriodOptions",
    "Schedule",
    "Step",
    "build_schedule",
]

SCHEDULES: Registry[Schedule] = Registry(
    "schedule",
    {
        "exponential": Exponential,
        "linear": Linear,
        "cosine": Cosine,
        "step": Step,
        "constant": Constant,
    },
)


def build_schedule(config: FusionConfig, steps_per_epoch: int = 1) -> AuxiliarySchedule:
    """The weight of the auxiliary loss that ``config`` names; an ``epoch`` becomes ``steps_per_epoch`` steps.

    Raises:
        UnknownNameError: If no schedule has this name.
        ConfigError: If an option does not fit.
    """
    words: dict[str, Any] = {
        word: steps_per_epoch if value == "epoch" else value
        for word, value in config.options("schedule").by_word.items()
    }
    keywords = {"rate": "decay_rate", "every": "decay_every"}
    own = {keyword: words.pop(word) for keyword, word in keywords.items() if word in words}
    return AuxiliarySchedule(config.gamma, kind=config.schedule.name, options=tuple(words.items()), **own)
