"""What the files of a dataset leave open, as choices that settle it."""

import hashlib
from collections.abc import Callable, Sequence

import streamlit as st

from app.components.page_style import plain
from app.views import Question


def questions(asked: Sequence[Question], settle: Callable[[str], None]) -> None:
    """Ask what is open; a choice holds at once.

    Args:
        asked: With ``what``, ``decided`` and the ``options`` to choose from; ``must`` says that nothing works before.
        settle: Called with the option that was chosen, as typed.
    """
    if not asked:
        return
    one = len(asked) == 1
    with st.container(border=True, key="questions"):
        title = "One question about these files" if one else f"{len(asked)} questions about these files"
        st.markdown(f"##### {title}", help="What you choose is remembered for this folder.")
        for question in asked:
            key = f"question-{hashlib.sha256(question.what.encode()).hexdigest()[:12]}"
            st.markdown(plain(f"{question.what[:1].upper()}{question.what[1:]}."))
            st.radio(
                plain(f"Now: {question.decided}." if question.decided else "Choose one."),
                question.options,
                index=None,
                format_func=lambda option: plain(str(option)),
                key=key,
                on_change=_chosen,
                args=(key, settle),
            )


def _chosen(key: str, settle: Callable[[str], None]) -> None:
    chosen = st.session_state.get(key)
    if chosen is not None:
        settle(chosen)
