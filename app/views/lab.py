"""What the weighting lab shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmf.analysis.near_uniform import NearUniform, Spread
from dmf.config import FusionConfig
from dmf.config_text import build
from dmf.records import SettingChange

Weights = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class History:
    """Losses to try methods on.

    Attributes:
        key: What it is, for caches: the same key stands for the same numbers.
        title: What it is called.
        names: The K losses.
        losses: (S, K), NaN where a loss was not finite.
        settings: Fields of ``FusionConfig`` that a method has unless it says otherwise.
        first: Step of the first row.
        note: What is to be said of it.
        recorded: (S, K) weights that the run had; None unless it is one.
        changes: Changes made while the run trained, counted from the first row.
        is_active: More may follow.
    """

    key: str
    title: str
    names: tuple[str, ...]
    losses: NDArray[np.float64]
    settings: Mapping[str, Any] = field(default_factory=dict)
    first: int = 0
    note: str = ""
    recorded: Weights | None = None
    changes: tuple[SettingChange, ...] = ()
    is_active: bool = False

    @property
    def base(self) -> FusionConfig:
        """What a method has unless it says otherwise."""
        config: FusionConfig = build(FusionConfig, {**self.settings, "terms": self.names})
        return config


@dataclass(frozen=True)
class Evenness:
    """How even the weights of a method are, by construction and as they were."""

    near_uniform: NearUniform | None
    spread: Spread | None
