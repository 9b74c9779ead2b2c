"""A trained network on a picture of someone's own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import streamlit as st

from app.components.page_style import plain
from app.tasks.segmentation.case_viewer import Panel, case_viewer
from dmf.errors import DMFError

WARNING = (
    "**This is not a medical device.** It is made for research and teaching. What it marks must not be used to find, "
    "rule out or treat an illness."
)


def show(
    titles: Mapping[str, str],
    classes: Mapping[str, Sequence[str]],
    predict: Callable[[str, bytes], tuple[Any, Any, Any]],
) -> None:
    """Upload, prediction, mask.

    Args:
        titles: Run to its title, of those with a network here.
        classes: Run to the names of its classes but the background.
        predict: Gives, of a run and a file, the picture, probabilities (C-1, S, S), and where it lies in them.
    """
    st.warning(WARNING, icon=":material/medical_information:")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        run = st.selectbox(
            "Network",
            titles,
            format_func=titles.__getitem__,
            key="own-run",
            width=300,
            help="The best network of this run looks at your picture, after the same filter and size as in training.",
        )
        file = st.file_uploader(
            "Your picture",
            key="own-picture",
            max_upload_size=40,
            help="PNG, JPEG, TIFF, BMP or GIF, read as the images of the training. It stays on this machine and is "
            "not kept. Networks only know pictures like those they learned from.",
        )
    if file is None or run is None:
        return
    try:
        image, maps, window = predict(run, file.getvalue())
    except DMFError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    with st.container(key="own-result"):
        panel = Panel(run, titles[run], probabilities=maps, window=window)
        settled = case_viewer(
            file.name,
            image,
            None,
            [panel],
            key="own-viewer",
            classes=classes[run],
            image_note=f"{image.shape[1]} × {image.shape[0]} pixels",
            display="filled",
        )
        mask = mask_of(maps, window, image.shape[:2], settled.threshold)
        share = float((mask > 0).mean())
        st.download_button(
            "Mask as PNG",
            cv2.imencode(".png", mask)[1].tobytes(),
            f"{file.name.rpartition('.')[0] or file.name}-mask.png",
            "image/png",
            key="own-mask",
            icon=":material/download:",
            help="As large as your picture: 255 where the network finds something, 0 elsewhere. With several kinds of "
            "lesion, 255 is the first of them, and each further one is darker.",
            on_click="ignore",
        )
        st.caption(f"At threshold {settled.threshold:.2f} it marks {100 * share:.1f} % of the picture, right or wrong.")


def mask_of(maps: Any, window: Any, size: tuple[int, int], threshold: float) -> Any:
    """(H, W) uint8 of the picture: 0 the background; the first class is 255, further ones are evenly darker.

    Args:
        maps: (C-1, S, S), 255 times the probability.
        window: Left, top, width and height of the picture within them; None for all of them.
        size: Height and width of the picture.
        threshold: From which probability of all classes together a pixel counts as found.
    """
    together = np.minimum(maps.sum(0, dtype=np.uint16), 255)
    shades = np.linspace(255, 0, len(maps), endpoint=False).round().astype(np.uint8)
    mask = np.where(together >= threshold * 255, shades[maps.argmax(0)], 0).astype(np.uint8)
    if window is not None:
        left, top, wide, high = (round(side) for side in window)
        mask = mask[top : top + high, left : left + wide]
    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
