"""Explanations for the page: a history is replayed once for every method, then each step is told at once."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dmf.config import FusionConfig
from dmf.records import SettingChange
from dmf.replay import Explainer, Explanation


def explanation(
    losses: NDArray[np.floating[Any]], config: FusionConfig, step: int, changes: Sequence[SettingChange] = ()
) -> Explanation:
    """How ``config`` comes to the weights of one step, as :func:`dmf.replay.explain` tells it.

    Args:
        losses: (S, K) one row per step.
        config: The method and its settings.
        step: Which row, counted from 0.
        changes: Changes made while the run trained.

    Raises:
        ConfigError: If there is no such step, or the method cannot be explained.
        DataError: If the losses do not fit the configuration.
    """
    content = hashlib.blake2b(np.ascontiguousarray(losses, dtype=np.float64).data).hexdigest()
    key = f"{losses.shape} {config.model_dump_json()} {changes}"
    return _explainer(losses, content, key, config, tuple(changes)).at(step)


@st.cache_resource(max_entries=24, show_spinner=False)
def _explainer(
    _losses: NDArray[np.floating[Any]],
    content: str,
    key: str,
    _config: FusionConfig,
    _changes: tuple[SettingChange, ...],
) -> Explainer:
    return Explainer(_losses, _config, _changes)
