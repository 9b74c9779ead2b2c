"""A bar for what takes a while, moved no more often than anyone can see."""

import time
from collections.abc import Callable

import streamlit as st

OFTEN = 0.1  # s between two moves


def progress_bar(text: str) -> Callable[[int, int], None]:
    """A bar where the page stands now; call what is returned with (steps done, steps in all)."""
    bar = st.progress(0.0, text)
    moved = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal moved
        if time.monotonic() - moved >= OFTEN:
            moved = time.monotonic()
            bar.progress(min(1.0, done / max(total, 1)), text)

    return tell
