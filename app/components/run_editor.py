"""Chosen runs are renamed, tagged, noted, archived and deleted here."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.components.page_style import plain
from dmf.errors import DMFError

SAID = "run-editor-said"


def run_editor(
    runs: Sequence[Any],
    titles: Mapping[str, str],
    describe: Callable[..., Any],
    delete: Callable[[list[str]], Any],
) -> None:
    """The bar to change what is said of a run, and to delete some.

    Args:
        runs: What is chosen.
        titles: Run id to its title.
        describe: Takes an id, and ``name``, ``tags``, ``notes`` and ``archived``.
        delete: Takes ids.
    """
    with st.expander("Rename, tag, archive or delete", key="run-editor"):
        if SAID in st.session_state:
            st.success(st.session_state.pop(SAID))
        id = st.selectbox("Run to change", list(titles), format_func=titles.__getitem__, key="edit-run", width=420)
        row = next(run.run for run in runs if run.id == id)
        with st.form(f"describe-{id}", border=False):
            name = st.text_input("Name", row.label, key=f"edit-name-{id}")
            tags = st.text_input(
                "Tags", ", ".join(row.tags), key=f"edit-tags-{id}", help="Words to find it by, with commas between."
            )
            notes = st.text_area("Notes", row.notes, key=f"edit-notes-{id}")
            archived = st.checkbox(
                "Archived",
                row.archived,
                key=f"edit-archived-{id}",
                help="Lists leave it out unless they are asked to show what is archived; nothing is deleted.",
            )
            if st.form_submit_button("Save", icon=":material/save:"):
                words = [tag.strip() for tag in tags.split(",") if tag.strip()]
                _tried(lambda: describe(id, name=name, tags=words, notes=notes, archived=archived), "Saved.")
        gone = st.multiselect(
            "Runs to delete", list(titles), format_func=titles.__getitem__, key="delete-runs", placeholder="None"
        )
        if gone:
            sure = st.checkbox(
                f"Yes, delete {', '.join(plain(titles[id]) for id in gone)} with all that was recorded. It cannot be "
                "undone.",
                key=f"delete-sure-{'-'.join(gone)}",
            )
            if st.button("Delete for good", icon=":material/delete:", disabled=not sure, key="delete-now"):
                _tried(lambda: delete(gone), f"{len(gone)} deleted.")


def _tried(action: Callable[[], Any], said: str) -> None:
    """Do it and show the page anew, or say why it cannot be done."""
    try:
        action()
    except DMFError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.session_state[SAID] = said
    st.rerun()
