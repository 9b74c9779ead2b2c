"""Knobs: the settings that may change while a run trains. A change is plain data, see :class:`dmf.records.Knob`."""

from dataclasses import dataclass

from dmf.config import FusionConfig, TrainingConfig
from dmf.config_text import parse
from dmf.errors import ConfigError
from dmf.registry import unknown

KNOBS = {
    "gamma": "Weight of the auxiliary loss at step 0, gamma_0; its decay goes on from there.",
    "decay_rate": "How fast the auxiliary weight falls, per decay period, counted from step 0.",
    "lr": "Learning rate of the optimizer from the next step on.",
    "weighting": "The rule that sets the weights; the history of losses stays, the rule's own memory begins anew.",
}
"""Field to what turning it does."""


@dataclass(frozen=True)
class Settings:
    """What the knobs of one run stand at."""

    lr: float
    fusion: FusionConfig

    def turned(self, field: str, value: float | str) -> "Settings":
        """The settings after a knob was set to ``value``, which may be a text as people type it.

        Raises:
            ConfigError: If there is no such knob, or the value cannot work.
        """
        if field not in KNOBS:
            raise ConfigError(unknown("knob", field, KNOBS), field)
        if field == "lr":
            return Settings(parse(TrainingConfig, {"lr": value}).lr, self.fusion)
        return Settings(self.lr, parse(FusionConfig, self.fusion.model_dump() | {field: value}))
