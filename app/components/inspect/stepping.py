"""One image after the other, in the order of the grid, or from the worst on."""

from collections.abc import Callable
from typing import Literal

import streamlit as st

from app.components.inspect.browsing import Browsed, show_page_of

Step = Literal[-1, 1, "worst"]
"""To the image before or after this one, or to the next in the order of scores, the worst first."""

_STEPS: tuple[tuple[Step, str, str], ...] = (
    (-1, "◀ Previous image", "The image before this one, in the order chosen for the grid."),
    (1, "Next image ▶", "The image after this one, in the order chosen for the grid."),
    ("worst", "Next worst", "The next in the order of scores, from the worst on, whatever the order of the grid (W)."),
)


def _target(browsed: Browsed, case: str, step: Step) -> str | None:
    """The image that a step leads to; None beyond the ends.

    From one that the grid does not show, every step leads to the first.
    """
    cases, by = (browsed.worst_first, 1) if step == "worst" else (browsed.order, step)
    place = cases.index(case) + by if case in cases else 0
    return cases[place] if 0 <= place < len(cases) else None


def step_to(browsed: Browsed, case: str, step: Step, choose: Callable[[str], None]) -> None:
    """Choose the image that a step leads to, and have the grid show it; nothing beyond the ends.

    Args:
        browsed: What the grid has.
        case: The one that is large.
        step: Which step.
        choose: Takes the image.
    """
    target = _target(browsed, case, step)
    if target is not None:
        choose(target)
        show_page_of(browsed.order.index(target))


def heading(title: str, help: str, browsed: Browsed, case: str, choose: Callable[[str], None]) -> None:
    """The name of the image that is large, and the way to others.

    Args:
        title: Its name, as Markdown.
        help: What is shown of it.
        browsed: What the grid has.
        case: Which one it is.
        choose: Takes another one.
    """
    with st.container(key="case-heading", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"#### {title}", help=help, width="content")
        for step, label, tip in _STEPS:
            st.button(
                label,
                key=f"case-step{step}",
                help=tip,
                disabled=_target(browsed, case, step) is None,
                on_click=step_to,
                args=(browsed, case, step, choose),
            )
        if case in browsed.order:
            st.caption(f"{browsed.order.index(case) + 1:,} of {len(browsed.order):,}", width="content")
