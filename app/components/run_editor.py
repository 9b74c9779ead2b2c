"""Chosen runs are renamed, tagged, noted, archived and deleted here."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.components.page_style import plain, sentence_of
from app.views import ComparedRun
from dmf.errors import DMFError

SAID = "run-editor-said"


def run_editor(
    runs: Sequence[ComparedRun],
    titles: Mapping[str, str],
    describe: Callable[..., None],
    delete: Callable[[list[str]], None],
) -> None:
    """The bar to change what is said of a run, and to delete some.

    Args:
        runs: What is chosen.
        titles: Run id to its title.
        describe: Takes an id, and those of ``name``, ``tags``, ``notes`` and ``archived`` that were changed.
        delete: Takes ids.
    """
    with st.expander("Rename, tag, archive or delete", key="run-editor"):
        if SAID in st.session_state:
            st.success(st.session_state.pop(SAID))
            for key in [key for key in st.session_state if str(key).startswith("edit-of-")]:
                del st.session_state[key]  # the fields show what is kept now
        id = st.selectbox("Run to change", list(titles), format_func=titles.__getitem__, key="edit-run", width=420)
        row = next(run.run for run in runs if run.id == id)
        # As it was when these fields were first shown: what was not changed here may have been changed in another tab.
        kept = {"name": row.label, "tags": ", ".join(row.tags), "notes": row.notes, "archived": row.archived}
        before = st.session_state.setdefault(f"edit-of-{id}", kept)
        with st.form(f"describe-{id}", border=False):
            now: dict[str, Any] = {
                "name": st.text_input("Name", before["name"], key=f"edit-of-{id}-name"),
                "tags": st.text_input(
                    "Tags", before["tags"], key=f"edit-of-{id}-tags", help="Words to find it by, with commas between."
                ),
                "notes": st.text_area("Notes", before["notes"], key=f"edit-of-{id}-notes"),
                "archived": st.checkbox(
                    "Archived",
                    before["archived"],
                    key=f"edit-of-{id}-archived",
                    help="Lists leave it out unless they are asked to show what is archived; nothing is deleted.",
                ),
            }
            if st.form_submit_button("Save", icon=":material/save:"):
                changed = {field: value for field, value in now.items() if value != before[field]}
                if "tags" in changed:
                    changed["tags"] = [tag.strip() for tag in changed["tags"].split(",") if tag.strip()]
                _tried(lambda: describe(id, **changed), "Saved.")
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


def _tried(action: Callable[[], None], done: str) -> None:
    """Do it and show the page anew, or say why it cannot be done."""
    try:
        action()
    except DMFError as error:
        st.error(sentence_of(error), icon=":material/error:")
        return
    st.session_state[SAID] = done
    st.rerun()
