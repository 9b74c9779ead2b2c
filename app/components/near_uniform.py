"""What a page says below weights that are nearly equal by construction, and the choice of an axis that fits them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.components.fields import method_title
from app.views import LiveRun

FIT = "Fit the weight axis to the data"
FIT_HELP = "Draw the weights from the lowest to the highest there is, so that small differences can be seen."
FEWEST, MOST = 2, 6  # decimals


@dataclass(frozen=True)
class Nearly:
    """A method that keeps its weights nearly equal.

    Attributes:
        method: What people call it.
        equal: Each weight if all are equal.
        low: The lowest weight there was; None before the first step.
        high: The highest.
        reason: Why they stay near, in a sentence or two.
    """

    method: str
    equal: float
    low: float | None
    high: float | None
    reason: str

    @property
    def sentence(self) -> str:
        """``"DWA: weights stay between 0.31 and 0.36 here, near 1/3 by construction"``."""
        near = "1" if self.equal == 1 else f"1/{round(1 / self.equal)}"
        if self.low is None or self.high is None or self.low == self.high:
            return f"{self.method}: weights stay near {near} by construction"
        low, high = _apart(self.low, self.high)
        return f"{self.method}: weights stay between {low} and {high} here, near {near} by construction"


def nearly(configs_and_runs: Iterable[tuple[Mapping[str, Any], LiveRun]]) -> list[Nearly]:
    """Methods that keep their weights nearly equal, each said once.

    Args:
        configs_and_runs: Configuration of each run, and what was recorded of it: with ``near_uniform`` (``equal``,
            ``reason``; None for other methods) and ``spread`` (``low``, ``high``; None before the first step).
    """
    nearly_equal: dict[tuple[str, float, str], list[Any]] = {}
    for config, live in configs_and_runs:
        if live.near_uniform is not None:
            title = method_title(config["weighting"], config.get("gradient_of"))
            spreads = nearly_equal.setdefault((title, live.near_uniform.equal, live.near_uniform.reason), [])
            spreads += [live.spread] if live.spread is not None else []
    return [
        Nearly(
            title,
            equal,
            min((each.low for each in spreads), default=None),
            max((each.high for each in spreads), default=None),
            reason,
        )
        for (title, equal, reason), spreads in nearly_equal.items()
    ]


def note(methods: Iterable[Nearly], *, key: str, **kept: Any) -> bool:
    """Say it in one line, and offer an axis that fits; nothing where no method is of this kind.

    Args:
        methods: What is to be said.
        key: Of the choice.
        kept: Where the choice is remembered.

    Returns:
        Whether the axis is to fit the data.
    """
    methods_named = list(methods)
    if not methods_named:
        return False
    with st.container(key=f"{key}-line", gap=None):
        st.caption(
            " · ".join(each.sentence for each in methods_named), help="\n\n".join(each.reason for each in methods_named)
        )
        return st.toggle(FIT, key=key, help=FIT_HELP, **kept)


def _apart(low: float, high: float) -> tuple[str, str]:
    """Both with as many decimals as tell them apart."""
    for decimals in range(FEWEST, MOST + 1):
        words = f"{low:.{decimals}f}", f"{high:.{decimals}f}"
        if words[0] != words[1]:
            break
    return words
