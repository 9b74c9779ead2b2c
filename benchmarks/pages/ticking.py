"""Six lines of 1,000 points, new ones every second: ``?with=ours``, ``?with=plotly`` or ``?with=nothing``."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.components.live_chart import Series, chart_engine, live_chart

LINES, POINTS = 6, 1000
COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b")

st.set_page_config(layout="wide")
kind = st.query_params.get("with", "ours")
if kind == "ours":
    chart_engine()


@st.fragment(run_every=1.0)
def ticking() -> None:
    turn = st.session_state["turn"] = st.session_state.get("turn", 0) + 1
    rng = np.random.default_rng(turn)
    x = np.linspace(0, 1_000_000 + 1000 * turn, POINTS).astype(int)
    lines = {f"line {i}": np.exp(-np.arange(POINTS) / 300) + i / 10 + rng.normal(0, 0.02, POINTS) for i in range(LINES)}
    if kind == "ours":
        series = [Series(name, x + i, y, COLORS[i]) for i, (name, y) in enumerate(lines.items())]
        live_chart(series, key="bench", x_label="Optimizer step", y_label="Loss (no unit)", height=400)
    elif kind == "plotly":
        drawn = [
            go.Scatter(x=x + i, y=y.astype(np.float32), name=name, line={"color": COLORS[i]})
            for i, (name, y) in enumerate(lines.items())
        ]
        figure = go.Figure(drawn, layout={"uirevision": "bench", "height": 400})
        st.plotly_chart(figure, key="bench")
    st.caption(f"tick {turn}")


ticking()
