"""Predictions that were made elsewhere, read in place from a folder of this machine."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.components.page_style import plain
from dmf.errors import DMFError

LAYOUT = """\
my-folder/
  images/case-1.png
  masks/case-1.png
  predictions/my-model/case-1.png"""
KEY, DONE = "elsewhere", "elsewhere-done"


def elsewhere(bring: Callable[[str, str], list[str]], choose: Callable[[list[str]], Any]) -> None:
    """The button to open a folder.

    Args:
        bring: Takes a folder and a name; gives the ids of the runs, one per model.
        choose: Shows these runs.
    """
    if st.session_state.pop(DONE, False):
        st.session_state[KEY] = False  # closed, because what was opened is shown below
    with st.popover("Open predictions made elsewhere", icon=":material/folder_open:", key=KEY, on_change="rerun"):
        st.markdown("Give a folder that is laid out so; its files are read where they are, nothing is copied.")
        st.code(LAYOUT, language=None)
        st.caption(
            "Masks and predictions have the names of their images. A prediction is a mask, or a grey picture whose "
            "255 is the probability 1, or NIfTI. Each folder under predictions becomes a run."
        )
        with (
            st.form("elsewhere-form", border=False),
            st.container(horizontal=True, vertical_alignment="bottom", gap="medium"),
        ):
            folder = st.text_input(
                "Folder on this machine", key="elsewhere-folder", placeholder="/path/to/my-folder", width=460
            )
            name = st.text_input(
                "Name", key="elsewhere-name", placeholder="that of the folder", width=220, help="To find it by."
            )
            clicked = st.form_submit_button("Open", icon=":material/folder_open:")
        if not clicked:
            return
        if not folder.strip():
            st.error("Type the path of a folder first.", icon=":material/error:")
            return
        try:
            with st.spinner("Reading and scoring every prediction…"):
                ids = bring(folder.strip(), name.strip())
        except DMFError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        choose(ids)
        st.session_state[DONE] = True
        st.rerun()
