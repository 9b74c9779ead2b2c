"""The curves of the auxiliary weight γ(t) as the form describes them, and their half-lives."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from app.components.live_chart import Series, live_chart
from app.theme import AUXILIARY_COLOR, run_dashes
from dmf import declared
from dmf.config import FusionConfig
from dmf.config_text import parse
from dmf.errors import ConfigError
from dmf.schedule import AuxiliarySchedule, build_schedule

POINTS = 240


def gamma_curve(values: Mapping[str, Any], steps_per_epoch: int | None, runs: Sequence[Mapping[str, Any]] = ()) -> None:
    """Draw γ over the epochs of the form, one line for all runs or, where they differ, one for each way it falls.

    Args:
        values: The form's ``epochs`` and, for all runs, ``auxiliary``, ``gamma``, ``schedule`` and its options.
        steps_per_epoch: None while the dataset is not known.
        runs: The same of each run with its ``weighting``; empty while they cannot work.
    """
    steps = steps_per_epoch or 100
    try:
        schedules = [_schedule(settings, steps) for settings in runs or (values,)]
        epochs = max(1, int(values["epochs"]))
    except (ConfigError, ValueError, TypeError):
        st.caption("γ(t) shows here once its settings can work.")
        return
    groups: dict[AuxiliarySchedule | None, list[int]] = {}
    for index, schedule in enumerate(schedules):
        groups.setdefault(schedule, []).append(index)
    if set(groups) == {None}:
        st.caption("No auxiliary loss, so γ plays no part.")
        return
    differ = len(groups) > 1
    dashes = run_dashes([str(run["weighting"]) for run in runs]) if differ else [()]
    at = np.unique(np.linspace(0, epochs * steps - 1, POINTS).astype(int))
    live_chart(
        [
            Series(
                f"γ(t) · {_numbered(group)}" if differ else "γ(t)",
                at / steps,
                np.array([schedule(int(step)) for step in at]),
                AUXILIARY_COLOR.pair,
                dash=dashes[group[0]],
                fill=not differ,
            )
            for schedule, group in groups.items()
            if schedule is not None
        ],
        key="gamma-curve",
        x_label="Epoch",
        y_label="γ",
        y_range=(0, None),
        title="γ(t)",
        height=150,
        sync="",
        legend=False,
    )
    for schedule, group in groups.items():
        if schedule is None:
            caption = "No auxiliary loss."
        else:
            caption = half_life(schedule, steps_per_epoch, is_per_epoch=values.get("decay_every") == "epoch")
        st.caption(f"{_numbered(group)}: {caption[0].lower()}{caption[1:].replace(':', '', 1)}" if differ else caption)


def _schedule(settings: Mapping[str, Any], steps_per_epoch: int) -> AuxiliarySchedule | None:
    if settings["auxiliary"] == "none":
        return None
    words = {name: settings[name] for name in ("gamma", "schedule", *declared.words("schedule")) if name in settings}
    return build_schedule(parse(FusionConfig, words), steps_per_epoch)


def _numbered(group: Sequence[int]) -> str:
    """``"Run 2"``, ``"Runs 1, 3"``; the runs are given counted from 0."""
    return f"Run{'s' if len(group) > 1 else ''} {', '.join(str(index + 1) for index in group)}"


def half_life(schedule: AuxiliarySchedule, steps_per_epoch: int | None, *, is_per_epoch: bool) -> str:
    """The half-life in words: in steps and epochs, as far as both are known."""
    steps = schedule.half_life
    if math.isinf(steps):
        return "γ never halves."
    if steps_per_epoch:
        return f"Half-life: {steps:,.0f} steps, {steps / steps_per_epoch:.3g} epochs."
    if is_per_epoch:
        return f"Half-life: {steps / schedule.every:.3g} epochs (in steps once the dataset is known)."
    return f"Half-life: {steps:,.0f} steps."
