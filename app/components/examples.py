"""What is said of the runs that come with the program, while they are all there is."""

import streamlit as st


def examples() -> None:
    """What they are, and how to be rid of them."""
    st.caption(
        "These six runs are examples that came with the program. To delete them, tick them on the page Compare and "
        "open **Rename, tag, archive or delete** there; they do not come back by themselves."
    )
