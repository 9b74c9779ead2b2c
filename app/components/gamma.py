"""The curve of the auxiliary weight γ(t) as the form describes it, and its half-life."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from app.components.live_chart import Series, live_chart
from app.theme import AUXILIARY_COLOR
from dmf.errors import ConfigError
from dmf.schedule import AuxiliarySchedule

POINTS = 240


def gamma_curve(values: Mapping[str, Any], steps_per_epoch: int | None) -> None:
    """Draw γ over the epochs of the form; nothing to draw where its values cannot work.

    Args:
        values: ``auxiliary``, ``gamma``, ``decay_rate``, ``decay_every``, ``schedule`` and ``epochs`` of the form.
        steps_per_epoch: None while the dataset is not known.
    """
    if values["auxiliary"] == "none":
        st.caption("No auxiliary loss, so γ plays no part.")
        return
    steps = steps_per_epoch or 100
    try:
        every = steps if values["decay_every"] == "epoch" else int(values["decay_every"])
        schedule = AuxiliarySchedule(values["gamma"], values["decay_rate"], every, values["schedule"])
        epochs = max(1, int(values["epochs"]))
    except (ConfigError, ValueError, TypeError):
        st.caption("γ(t) shows here once its settings can work.")
        return
    at = np.unique(np.linspace(0, epochs * steps - 1, POINTS).astype(int))
    gamma = np.array([schedule(int(step)) for step in at])
    live_chart(
        [Series("γ(t)", at / steps, gamma, AUXILIARY_COLOR.pair, fill=True)],
        key="gamma-curve",
        x_label="Epoch",
        y_label="γ",
        y_range=(0, None),
        title="γ(t)",
        height=150,
        sync="",
        legend=False,
    )
    st.caption(half_life(schedule, steps_per_epoch, is_per_epoch=values["decay_every"] == "epoch"))


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
