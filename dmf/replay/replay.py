"""Weights of a recorded history, computed by the very functions that run live."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dmf.config import FusionConfig, TrainingConfig
from dmf.errors import ConfigError, DataError, UnknownNameError, naming_plugins
from dmf.live_settings import Settings
from dmf.records import SettingChange
from dmf.registry import unknown
from dmf.replay.methods import replayable_methods

if TYPE_CHECKING:
    from torch import Tensor

    from dmf.weighting import Weighting


@naming_plugins()
def replay(
    losses: NDArray[np.floating], config: FusionConfig, changes: Sequence[SettingChange] = ()
) -> NDArray[np.float64]:
    """Weights that ``config`` would have given at every step of a recorded history.

    Args:
        losses: (S, K) one row per step, one column per term of ``config``. A row with a NaN or infinite value is a step
            that changes nothing: it keeps the last weights, as in training. A *masked* value is a loss that was absent:
            the others of its row are weighed among themselves.
        config: Only what concerns the weighting and its memory is read.
        changes: Changes made while the run trained, in their order; those of the weighting act again: the history
            stays, the new rule's own memory begins anew.

    Returns:
        (S, K) float64 weights, each row used for the losses of the same row.

    Raises:
        DataError: If ``losses`` has not one column per term.
        ConfigError: If a weighting is unknown, its options do not fit, or it needs more than loss values.
    """
    import torch

    from dmf.weighting import build_weighting

    if losses.ndim != 2 or losses.shape[1] != len(config.terms):
        raise DataError(
            f"`losses` must have shape (steps, {len(config.terms)}), got {losses.shape}. Pass one row per step and one "
            f"column for each of {', '.join(config.term_names)}."
        )
    history = torch.from_numpy(np.array(losses, dtype=np.float64))
    present = presence(losses)
    took_turns = turns(config, changes, len(losses))
    for _, fusion in took_turns:
        _refuse_what_needs_more(fusion.weighting.name)
    parts = [
        replay_rule(build_weighting(fusion), history[:last], present, fusion.history_max, first)
        for (first, fusion), (last, _) in pairwise([*took_turns, (len(losses), config)])
    ]
    return torch.cat(parts).numpy()


def presence(losses: NDArray[np.floating]) -> NDArray[np.bool_] | None:
    """Which losses (S, K) each step has; None where all have all."""
    absent = np.ma.getmaskarray(losses)
    return ~absent if absent.any() else None


def replay_rule(
    weighting: "Weighting", losses: "Tensor", present: NDArray[np.bool_] | None, history_max: int, first: int
) -> "Tensor":
    """``weighting.replay`` of a history of which ``present`` says what each step has."""
    import torch

    from dmf.weighting import step_through

    if present is None or present[: len(losses)].all():
        return weighting.replay(losses, history_max, first)
    if not weighting.takes_absent:
        raise ConfigError(
            f"{type(weighting).__name__} does not say what it does where a loss is absent, so this history cannot be "
            "replayed with it.",
            "weighting",
        )
    return step_through(weighting, losses, torch.from_numpy(present[: len(losses)]), history_max, first)


def turns(config: FusionConfig, changes: Sequence[SettingChange], count: int) -> list[tuple[int, FusionConfig]]:
    """First step and configuration of each rule that had its turn within ``count`` steps, in order."""
    begun, settings = [(0, config)], Settings(TrainingConfig().lr, config)
    for change in changes:
        if change.field == "weighting":
            settings = settings.changed(change.field, change.value)
            if settings.fusion.weighting != begun[-1][1].weighting and change.step < count:
                begun.append((change.step, settings.fusion))
    return begun


def _refuse_what_needs_more(name: str) -> None:
    from dmf.weighting import WEIGHTINGS

    choices = replayable_methods()
    if name not in WEIGHTINGS:
        raise UnknownNameError(unknown("weighting", name, choices), "weighting")
    if name not in choices:
        raise ConfigError(
            f"Weighting {name!r} needs more than loss values, so it cannot be replayed. Name another one (on the "
            f"command line with `--weighting`): {', '.join(choices)}.",
            "weighting",
        )
