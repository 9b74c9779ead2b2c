"""Which images of chosen runs are looked at, and what each network had learned by then."""

import streamlit as st

from app.views import Which

SPLITS = ("test", "validation")
NETWORKS: tuple[Which, ...] = ("best", "last")


def chosen_split() -> str:
    """The split that a reader chose, ``test`` at first; the address carries it."""
    split: str = st.segmented_control(
        "Images of the split",
        SPLITS,
        default="test",
        required=True,
        key="split",
        bind="query-params",
        help="Nothing was chosen by the test images; the best network was chosen by the validation images.",
    )
    return split


def split_and_network() -> tuple[str, Which]:
    """The split and the network that a reader chose, ``test`` and ``best`` at first; the address carries them."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="inspect-options"):
        split = chosen_split()
        which = st.segmented_control(
            "Checkpoint",
            NETWORKS,
            default="best",
            required=True,
            key="network",
            bind="query-params",
            help="The best epoch is that of the best validation score; the last is where training ended.",
        )
    return split, which
