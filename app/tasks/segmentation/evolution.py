"""One prediction growing over the epochs of a training, all runs in step."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.components.page_style import plain
from app.tasks.segmentation.case_viewer import Panel, case_viewer
from app.tasks.segmentation.views import Growth


def show(
    cases: Sequence[str],
    titles: Mapping[str, str],
    *,
    grown: Callable[[str], Growth],
    gif: Callable[[str], bytes],
) -> None:
    """The viewer with a slider over epochs, and what can be taken away.

    Args:
        cases: Images whose prediction was kept at each epoch.
        titles: Run to its title.
        grown: Gives a case over the training, as ``access.growth`` does.
        gif: Makes a GIF of a case.
    """
    if not cases:
        st.caption("No samples of each epoch were kept with these runs.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        case = st.selectbox(
            "Image", cases, key="grown-case", width=300, help="A few validation images are kept at each epoch."
        )
        st.download_button(
            "GIF",
            lambda: gif(case),
            f"{case}-growing.gif".replace("/", "-"),
            "image/gif",
            key="growth-gif",
            icon=":material/gif_box:",
            help="All epochs as a moving picture, image, truth and each run side by side.",
            on_click="ignore",
        )
    seen = grown(case)
    runs = seen.labels
    panels = [
        Panel(id, title, epochs=runs[id], truth=seen.truth)
        if runs.get(id)
        else Panel(id, title, note="no samples kept")
        for id, title in titles.items()
    ]
    case_viewer(
        case,
        seen.image,
        seen.truth,
        panels,
        key="growth-viewer",
        classes=seen.classes,
        absent=seen.absent,
        image_note="as the network sees it",
        display="errors",
    )
    st.caption(f"{plain(case)}: press Play, or move the slider; epoch 0 is the network before any training.")
