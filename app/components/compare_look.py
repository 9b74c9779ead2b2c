"""How the reader wants the charts of compared runs: the row of choices above them, which the URL carries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from app.charts.lines import Axis, View
from app.components import chart_options
from app.components.chart_options import MULTIPLES, OVERLAY, PER_LOSS
from app.components.race import AUXILIARY, AUXILIARY_WORDS, LOSSES, WEIGHTS
from app.views import ComparedRun, NamedMetric

SAID = {"Overlaid": OVERLAY, "One per loss": PER_LOSS, "One per run": MULTIPLES}  # links keep their first names
LAYOUTS = {"Overlaid": "overlaid", "One per loss": "loss", "One per run": "run"}
SCORE = "score"


@dataclass(frozen=True)
class Panel:
    """A kind of chart: which columns it draws, and how its y is to be read."""

    title: str
    column: str
    y_label: str
    help: str
    y_range: tuple[float | None, float | None] | None = None
    is_loss: bool = False
    by_term: bool = True


PANELS = {
    "Weights": Panel("Weights", "weight", "Weight (share)", WEIGHTS, (0, None)),
    "Losses": Panel("Losses", "loss", "Loss (no unit)", LOSSES, is_loss=True),
    "Share of the total": Panel(
        "Share of the total",
        "share",
        "Share (0 to 1)",
        "What each loss, times its weight, contributes to the total that the network learns from.",
        (0, 1),
    ),
    "Auxiliary loss": Panel("Auxiliary loss", AUXILIARY, "Loss (no unit)", AUXILIARY_WORDS, None, True, False),
    "γ(t)": Panel(
        "Auxiliary weight γ(t)",
        "gamma",
        "γ (factor)",
        "γ(t): the weight of the auxiliary loss, which fades from γ₀ as training goes on.",
        (0, None),
        by_term=False,
    ),
    "Validation score": Panel(
        "Validation", SCORE, "(0 to 1)", "A metric on the validation images at every epoch.", (0, 1), by_term=False
    ),
}


@dataclass(frozen=True)
class Look:
    """How the reader wants the charts."""

    axis: Axis = "step"
    smoothing: float = 0.0
    log_y: bool = False
    layout: str = "overlaid"
    panels: tuple[str, ...] = ("Weights", "Losses")

    def view(self, run: ComparedRun) -> View:
        """How x counts for a run: each has epochs of its own, and time from its own first step."""
        return View(self.axis, run.steps_per_epoch, run.origin, self.smoothing)


def look(
    metrics: Sequence[str], first: str, named_metric: Callable[[str], NamedMetric], lines: int
) -> tuple[Look, str]:
    """The row of choices above the charts, which the URL carries; the look, and the metric of the validation score.

    Args:
        metrics: Metrics to choose from.
        first: The one that is chosen at first, if it is among them.
        named_metric: Metric to its title.
        lines: How many runs or groups are drawn.
    """
    with st.container(key="chart-options", horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = chart_options.axis("x", bind="query-params")
        smoothing = chart_options.smoothing("smooth", bind="query-params")
        layout = _layout(lines)
        metric = st.selectbox(
            "Score",
            metrics,
            index=metrics.index(first) if first in metrics else 0,
            format_func=lambda name: named_metric(name).title,
            key="score",
            width=210,
            help="The metric drawn as the validation score.",
            bind="query-params",
        )
        log_y = chart_options.log_y("log", bind="query-params")
    panels = st.pills(
        "Shown",
        list(PANELS),
        selection_mode="multi",
        default=["Weights", "Losses", "Validation score"],
        key="show",
        help="Which charts; dragging in one zooms all of them, and the pointer is followed in all of them.",
        bind="query-params",
    )
    return Look(axis, smoothing, log_y, LAYOUTS[layout], tuple(panels)), metric


def _layout(lines: int) -> str:
    """What the address named or the reader has chosen, else what this browser remembers, or by how many there are."""
    key, chosen = "layout", "layout-of-compare"
    wanted = chart_options.layout(lines)
    first = next(name for name, title in SAID.items() if title == wanted)
    explicit = st.session_state.setdefault(chosen, st.query_params.get(key))
    if explicit not in LAYOUTS:
        st.session_state[key] = first
    elif key not in st.session_state:
        st.session_state[key] = explicit

    def changed() -> None:
        st.session_state[chosen] = st.session_state[key]
        chart_options.keep_layout(SAID[st.session_state[key]])

    layout = st.segmented_control(
        "Charts",
        list(LAYOUTS),
        format_func=SAID.__getitem__,
        required=True,
        key=key,
        help="All in one chart, a small chart for each loss, or a small chart for each run (or group).",
        on_change=changed,
        bind="query-params",
    )
    return layout or first
