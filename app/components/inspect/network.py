"""The network of a run: its blocks as a graph, its layers in a table."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st

from app.views import InspectedRun, NetworkView


def network(
    runs: Sequence[InspectedRun], titles: Mapping[str, str], drawn: Callable[[InspectedRun], NetworkView]
) -> None:
    """The network of the first run, or of another experiment that is chosen.

    Args:
        runs: Chosen runs; one at least.
        titles: Run to its title.
        drawn: Gives the network of a run; a DMFError is for the page to tell.
    """
    firsts = {run.experiment.id: run for run in reversed(runs)}  # runs of one experiment have the same network
    shown = runs[0]
    if len(firsts) > 1:
        choices = [run for run in runs if firsts[run.experiment.id] is run]
        shown = st.selectbox("Network of", choices, format_func=lambda run: titles[run.id], key="network-of", width=360)
    view = drawn(shown)
    graph, table = st.columns(2)
    with graph, st.container(key="network-graph"):
        st.graphviz_chart(view.dot, width="stretch")
        st.caption(
            "Blocks with the shape of their output (channels × height × width) and their parameters. Lines lead "
            "through pooling and concatenation; dashed ones are skips, beside a longer way."
        )
    with table:
        frame = pd.DataFrame(list(view.layers), columns=["Layer", "Kind", "Output", "Parameters"])
        st.dataframe(frame, hide_index=True, key="network-layers", alt="Layers of the network")
        st.caption(f"{view.parameters:,} parameters in all.")
