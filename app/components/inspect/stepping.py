"""One image after the other, in the order of the grid."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.inspect.browsing import show_page_of


def step_to(cases: Sequence[str], case: str, by: int, choose: Callable[[str], None]) -> None:
    """Choose the image so many places on from ``case``, and have the grid show it; nothing beyond the ends.

    Args:
        cases: In the order of the grid.
        case: The one that is large; where the grid does not show it, the first of the grid follows.
        by: How many places.
        choose: Takes the image.
    """
    place = cases.index(case) + by if case in cases else 0
    if 0 <= place < len(cases):
        choose(cases[place])
        show_page_of(place)


def heading(title: str, help: str, cases: Sequence[str], case: str, choose: Callable[[str], None]) -> None:
    """The name of the image that is large, and the way to the ones before and after it.

    Args:
        title: Its name, as Markdown.
        help: What is shown of it.
        cases: In the order of the grid.
        case: Which one it is.
        choose: Takes another one.
    """
    with st.container(key="case-heading", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"#### {title}", help=help, width="content")
        place = cases.index(case) if case in cases else None
        for label, by, tip in (("◀ Previous image", -1, "before"), ("Next image ▶", 1, "after")):
            is_end = not cases or (place is not None and not 0 <= place + by < len(cases))
            st.button(
                label,
                key=f"case-step{by}",
                help=f"The image {tip} this one, in the order chosen above.",
                disabled=is_end,
                on_click=step_to,
                args=(cases, case, by, choose),
            )
        if place is not None:
            st.caption(f"{place + 1:,} of {len(cases):,}", width="content")
