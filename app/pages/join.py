"""The Join page, for the projector: the address of this dashboard and a QR code that leads there."""

import streamlit as st

from app import access
from app.components.join import invitation
from app.components.page_style import use_style


def show() -> None:
    """What a class opens; nothing where the dashboard is not shared, which no link leads to."""
    use_style("join.css")
    here = access.sharing()
    if here is None:
        st.info("This dashboard is not shared. Start it with `dmf app --share`.", icon=":material/lock:")
        return
    invitation(here.address, here.steps)


show()
