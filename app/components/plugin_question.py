"""Asks before a file that only the store names is run: looking at a run never runs one."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.page_style import sentence_of
from app.state import may_change
from dmf.config import PluginConfig
from dmf.errors import DMFError


def plugin_question(plugins: Sequence[PluginConfig], run: Callable[[PluginConfig], None]) -> None:
    """Show path and hash of each file, with a button that runs it; nothing where there is none.

    Args:
        plugins: With a ``path`` and a ``sha256``.
        run: Loads one; a DMFError of it is shown.
    """
    for place, plugin in enumerate(plugins):  # two files may have one content
        with st.container(border=True, key=f"plugin-{place}-{plugin.sha256}"):
            st.markdown(
                "**A file of someone's own is needed here, and was not run.** Only the store names it. What needs no "
                "such file is shown. If you trust it, run it: it then has all rights of this program."
            )
            st.code(f"{plugin.path}\nSHA-256 {plugin.sha256}", language=None, wrap_lines=True)
            key = f"run-plugin-{place}-{plugin.sha256}"
            if may_change() and st.button("Run this file", icon=":material/extension:", key=key):
                try:
                    run(plugin)
                except DMFError as error:
                    st.error(sentence_of(error), icon=":material/error:")
                else:
                    st.rerun()
