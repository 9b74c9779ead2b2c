"""The Home page: what this is, races to start, experiments to open."""

import streamlit as st

from app import access, state
from app.components import recent
from app.components.page_style import use_style
from dmf.errors import DMFError


def show() -> None:
    """Presets and experiments; a link from before there were pages leads on to its experiment."""
    if state.experiment_id() is not None:
        st.switch_page(state.TRAIN, query_params=st.query_params.to_dict())
    use_style()
    recent.welcome()
    try:
        recent.recent(access.recent())
    except DMFError as error:
        st.error(str(error))


show()
