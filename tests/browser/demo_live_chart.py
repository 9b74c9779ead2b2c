"""The page that test_live_chart.py opens: two charts fed by a fragment, one that waits and one that stands still."""

import numpy as np
import streamlit as st

from app.charts.decimate import decimate
from app.components.live_chart import Mark, Series, chart_engine, live_chart
from app.theme import run_dashes, term_colors

st.set_page_config(page_title="Live chart", layout="wide")
chart_engine()
TERMS, RUNS = ["ce", "iou", "dice"], ["variance", "mad"]
COLORS, DASHES = term_colors(TERMS), run_dashes(RUNS)
STEPS = 200_000
rng = np.random.default_rng(0)


@st.cache_data
def history() -> np.ndarray:
    """Losses (runs, terms, steps) that fall and shiver, with a gap."""
    steps = np.arange(1, STEPS + 1)
    start = np.array([1.1, 0.85, 0.7])[None, :, None] * np.array([1.0, 0.86])[:, None, None]
    noise = rng.normal(0, 0.03, (2, 3, STEPS)).cumsum(-1) / np.sqrt(steps) * 0.5
    values = start * np.exp(-steps / 60_000) * (1 + noise) + 0.08 + rng.normal(0, 0.004, (2, 3, STEPS))
    values[0, 1, 40_000:44_000] = np.nan
    return values


def lines(values: np.ndarray, until: int) -> list[Series]:
    """Six lines of at most 1,000 points."""
    steps = np.arange(until)
    made = []
    for run, label in enumerate(RUNS):
        for term, name in enumerate(TERMS):
            index = decimate(steps, values[run, term, :until])
            made.append(
                Series(
                    f"{name} · {label}",
                    steps[index],
                    values[run, term, index],
                    COLORS[name].pair,
                    dash=DASHES[run],
                    run=label,
                    term=name,
                )
            )
    return made


@st.fragment(run_every=0.3)
def ticking() -> None:
    st.session_state.tick = tick = st.session_state.get("tick", 0) + 1
    until = min(20_000 + 1_000 * tick, STEPS)
    losses = history()
    weights = 1 / np.abs(losses) ** np.array([1, 2])[:, None, None]
    weights /= weights.sum(axis=1, keepdims=True)
    marks = [Mark(9_000, "Learning rate 1e-3 → 5e-4", "change"), Mark(15_000, "Paused for 12 s")]
    st.text(f"tick {tick}")
    left, right = st.columns(2)
    with left.container(key="losses-chart"):
        zoom = live_chart(
            lines(losses, until),
            key="losses",
            x_label="Optimizer step",
            y_label="Loss",
            marks=marks,
            title="Losses",
            note=f"6,000 of {6 * until:,} points",
        )
        st.text(f"zoomed to {zoom[0]:.0f}" if zoom else "zoomed to everything")
    with right.container(key="weights-chart"):
        live_chart(
            lines(weights, until),
            key="weights",
            x_label="Optimizer step",
            y_label="Loss weight (share of 1)",
            y_range=(0, 1),
            marks=marks,
            title="Weights",
            help="How much each loss counts.",
            glossary="Loss weights W1–W3",
        )


ticking()
left, right = st.columns(2)
with left:
    live_chart(
        [],
        key="waiting",
        x_label="Optimizer step",
        y_label="Loss weight",
        title="Waiting",
        note="collecting 7 of 10 losses, weights uniform until then",
        height=260,
    )
with right:
    steps = np.arange(400)
    gamma = Series("γ(t)", steps, np.exp(-steps / 60) - 0.01, ("#5b6470", "#a3adb8"), fill=True)
    live_chart(
        [gamma],
        key="still",
        x_label="Time (s)",
        y_label="Auxiliary weight γ",
        log_y=True,
        title="Auxiliary weight",
        height=260,
        marks=[Mark(100, "Stopped", "error")],
    )

steps = np.arange(200)
live_chart(
    [
        Series(
            f"{term} · {run}",
            steps,
            (1 + place) * np.exp(-steps / (40 + 30 * number)),
            COLORS[term].pair,
            dash=run_dashes(["variance", "mad", "bayesian"])[number],
            run=run,
            term=term,
        )
        for number, run in enumerate(["variance", "mad", "bayesian"])
        for place, term in enumerate(TERMS)
    ],
    key="many",
    x_label="Optimizer step",
    y_label="Loss",
    title="Small multiples",
    height=260,
    sync="",
    multiples=True,
    legend="term",
    marks=[Mark(60, "γ₀ 1 → 0.3", "change", ("mad",), "mad"), Mark(120, "Paused")],
)
