"""Entry of the dashboard: ``streamlit run app/main.py``."""

from pathlib import Path

import streamlit as st

from app import state
from app.access import load_plugins, may_change, may_train, sharing
from app.components.page_style import sentence_of
from dmf.cores import share_cores
from dmf.errors import VisitorError

share_cores()
st.set_page_config(
    page_title="Adaptive loss weighting",
    page_icon=Path(__file__).parent / "components" / "icon.svg",  # an icon by name would be fetched from the network
    layout="wide",
    initial_sidebar_state=330,
)
PAGES = [
    st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
    st.Page("pages/tour.py", title="Guided tour", icon=":material/school:", url_path="tour"),
    st.Page("pages/train.py", title="Train", icon=":material/model_training:", url_path="train"),
    st.Page("pages/datasets.py", title="Datasets", icon=":material/photo_library:", url_path="datasets"),
    st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:", url_path="compare"),
    st.Page("pages/study.py", title="Studies", icon=":material/grid_on:", url_path="study"),
    st.Page("pages/inspect.py", title="Inspect", icon=":material/image_search:", url_path="inspect"),
    st.Page("pages/lab.py", title="Weighting lab", icon=":material/science:", url_path="lab"),
    # Tooltips lead there.
    st.Page("pages/glossary.py", title="Glossary", icon=":material/book:", url_path="glossary", visibility="hidden"),
]
shared = sharing()
if shared is not None:
    PAGES.append(st.Page("pages/join.py", title="Join", icon=":material/qr_code:", url_path="join"))
    if not may_change():
        PAGES = [page for page in PAGES if page.title != "Datasets"]  # it reads folders of this machine
for trouble in load_plugins():  # before the first menu is made
    st.error(sentence_of(trouble), icon=":material/extension_off:")
page = st.navigation(PAGES, position="top")
state.enter(
    page.title,
    may_change=may_change(),
    may_train=may_train(),
    shared_at=None if shared is None else shared.address,
)
try:
    page.run()
except VisitorError as error:  # refused where the page had not expected it
    st.error(sentence_of(error), icon=":material/lock:")
