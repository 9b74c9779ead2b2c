"""What the weights of compared runs did: their entropy, their paths in a triangle; and settings against results."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from app.charts.lines import AXIS_LABELS
from app.charts.parallel import parallel
from app.charts.ternary import ternary
from app.charts.twin import twin
from app.components.compared_charts import SCOPE
from app.components.compared_lines import band_lines, run_colors
from app.components.fields import named
from app.components.grouping import Groups
from app.components.live_chart import Series, live_chart
from app.components.page_style import mode
from app.components.plots import saved_as
from app.theme import AUXILIARY_COLOR, TEXT, Mode
from app.views import Behaviour, ComparedRun

Path = Callable[[ComparedRun], NDArray[np.float64]]

CORNERS = 3  # of a triangle
ENTROPY, ENTROPY_UNIT = "Entropy of the weights", "Entropy (0 to 1)"
PATHS = "Paths of the weights"
COORDINATES = "Settings against results"


LIGHT: Mode = "light"  # what is saved is drawn on white paper


def entropy(members: Mapping[str, Sequence[Behaviour]], groups: Groups | None) -> None:
    """How even the weights of each run or group were, over the steps.

    Args:
        members: Name of each run or group to how the weights of its runs behaved.
        groups: How runs taken together are drawn; None where each is by itself.
    """
    live_chart(
        _entropies(members, groups),
        key="compared-entropy",
        scope=SCOPE,
        zoom_group="compare-step",
        title=ENTROPY,
        help="1: all losses weigh the same. 0: one loss has all of the weight.",
        x_label=AXIS_LABELS["step"],
        y_label=ENTROPY_UNIT,
        y_range=(0, 1),
        height=400,
    )


def triangle(
    runs: Sequence[ComparedRun], titles: Mapping[str, str], path: Path, members: Mapping[str, Sequence[str]]
) -> None:
    """Where three weights went, for the runs that have the same three, a colour for each group; says so where there is
    none.
    """
    alike = _alike(runs)
    if not alike:
        st.caption("Runs with three losses are also drawn as paths in a triangle (W1, W2, W3).")
        return
    st.markdown(
        f"**{PATHS}**",
        help="Each corner is one loss having all of the weight, the middle is all weighing the same; dots are ends.",
    )
    st.plotly_chart(
        _triangle(alike, titles, path, members, mode()),
        key="compared-triangle",
        theme=None,
        config=saved_as("paths-of-the-weights"),
    )
    if len(alike) < len(runs):
        those = "run that weighs" if len(alike) == 1 else f"{len(alike)} runs that weigh"
        st.caption(f"Only the {those} {', '.join(map(named, alike[0].live.terms))}.")


def coordinates(together: pd.DataFrame) -> None:
    """Settings against results, a line per run."""
    st.plotly_chart(
        _coordinates(together, mode()), key="compared-parallel", theme=None, config=saved_as("settings-against-results")
    )


def figures(
    runs: Sequence[ComparedRun],
    titles: Mapping[str, str],
    behaviours: Mapping[str, Behaviour],
    path: Path,
    *,
    together: pd.DataFrame | None,
    members: Mapping[str, Sequence[str]],
    groups: Groups | None,
) -> dict[str, Any]:
    """The same by title, as figures to be saved.

    Args:
        runs: What is chosen.
        titles: Run id to its title.
        behaviours: Run id to how its weights behaved.
        path: Gives the path (points, 3) of a run's weights.
        together: Settings and results, a row per run; None where they are not drawn.
        members: Name of each group to the ids of its runs.
        groups: How runs taken together are drawn; None where each is by itself.
    """
    of_groups = {name: [behaviours[id] for id in ids] for name, ids in members.items()}
    figures = {
        ENTROPY: twin(_entropies(of_groups, groups), title=ENTROPY, x_label=AXIS_LABELS["step"], y_label=ENTROPY_UNIT)
    }
    if alike := _alike(runs):
        figures[PATHS] = _triangle(alike, titles, path, members, LIGHT)
    if together is not None:
        figures[COORDINATES] = _coordinates(together, LIGHT)
    for title in (PATHS, COORDINATES):
        if title in figures:
            figures[title].update_layout(title=title, paper_bgcolor="white", margin_t=90)
    return figures


def _entropies(members: Mapping[str, Sequence[Behaviour]], groups: Groups | None) -> list[Series]:
    colors = run_colors(list(members))
    series = []
    for name, behaviours in members.items():
        color, dash = colors[name]
        curves = [(behaviour.entropy_step, behaviour.entropy) for behaviour in behaviours]
        line = Series(name, *curves[0], color.pair, dash=dash, term=name)
        series += [line] if groups is None else band_lines(name, groups.band(curves, (0.0, 1.0)), line)
    return series


def _alike(runs: Sequence[ComparedRun]) -> list[ComparedRun]:
    """The runs that weigh the same three losses as the first run that weighs three."""
    three = [run for run in runs if len(run.live.terms) == CORNERS]
    return [run for run in three if run.live.terms == three[0].live.terms]


def _triangle(
    alike: Sequence[ComparedRun],
    titles: Mapping[str, str],
    path: Path,
    members: Mapping[str, Sequence[str]],
    mode: Mode,
) -> go.Figure:
    colors = run_colors(list(members))
    owners = {id: name for name, ids in members.items() for id in ids}
    return ternary(
        {titles[run.id]: path(run) for run in alike},
        [named(term) for term in alike[0].live.terms],
        {titles[run.id]: colors[owners[run.id]][0].of(mode) for run in alike},
        TEXT.of(mode),
    )


def _coordinates(together: pd.DataFrame, mode: Mode) -> go.Figure:
    return parallel(together, AUXILIARY_COLOR.of(mode), TEXT.of(mode))
