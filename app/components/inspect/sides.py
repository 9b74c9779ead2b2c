"""Where things stand on the page Inspect."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def side_by_side() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Room for the grid of all images and, beside it, for the one that is large; one below the other on a phone."""
    with st.container(key="inspect-split"):
        left, right = st.columns([2, 3], gap="medium")
    return left.container(key="browse"), right.container(key="inspect-large")
