"""A contact sheet: chosen cases by rows; image, truth and each run by columns."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.components.page_style import plain
from dmf.errors import DMFError

MOST = 12  # cases on one sheet
FIRST = 4


def sheets(cases: Sequence[str], titles: Mapping[str, str], make: Callable[[list[str], str], bytes]) -> None:
    """The choice, a preview, and the sheet as PNG and PDF.

    Args:
        cases: Images to choose from, in the order in which they are offered and stand on the sheet at first.
        titles: Run to its title.
        make: Gives the sheet of some cases as ``png`` or ``pdf``.
    """
    if not cases:
        st.caption("There is no image to put on a sheet yet.")
        return
    picked = st.multiselect(
        "Images on the sheet",
        cases,
        default=list(cases[:FIRST]),
        max_selections=MOST,
        key="sheet-cases",
        help=f"One row each, at most {MOST}; the columns are image, truth and {', '.join(titles.values())}.",
    )
    if not picked:
        st.caption("Choose at least one image.")
        return
    try:
        picture = make(picked, "png")
    except DMFError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Sheet as PNG",
            picture,
            "contact-sheet.png",
            "image/png",
            key="sheet-png",
            icon=":material/image:",
            on_click="ignore",
        )
        st.download_button(
            "Sheet as PDF",
            lambda: make(picked, "pdf"),
            "contact-sheet.pdf",
            "application/pdf",
            key="sheet-pdf",
            icon=":material/picture_as_pdf:",
            help="For a paper or a slide; it prints sharply.",
            on_click="ignore",
        )
    st.image(picture)
    st.caption("Dice is that of all lesion classes together, at the size of the original images.")
