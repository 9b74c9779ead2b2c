"""A trained network looks at pictures."""

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import streamlit as st

from app.access.inspecting import InspectedRun, stamp_of
from app.access.pixels import Window, plain, window_of
from app.access.reading import store
from dmf.data.headers import picture_size
from dmf.errors import DataError
from dmf.probabilities import Pixels

if TYPE_CHECKING:
    from dmf.trained import Trained

LEAST_SIDE, MOST_PIXELS = 8, 40_000_000  # of a picture of someone's own


def try_network(run: InspectedRun, content: bytes) -> tuple[Pixels, Pixels, Window | None]:
    """What the best network of a run predicts for a picture of someone's own.

    Args:
        run: Which run.
        content: A file of PNG or JPEG.

    Returns:
        The picture (H, W) or (H, W, 3), the probabilities (C-1, S, S) and where the picture lies within them.

    Raises:
        DataError: If it is no such picture, or too small or too large.
        CheckpointError: If the network is not here any more.
    """
    image = _picture(content)
    maps = network_sees(run, image)
    return image, maps, window_of((image.shape[0], image.shape[1]), (maps.shape[1], maps.shape[2]), run.fit)


def network_sees(run: InspectedRun, image: Pixels) -> Pixels:
    """255 times the probabilities (C-1, S, S) that the best network of a run gives an image (H, W) or (H, W, 3).

    Raises:
        CheckpointError: If the network is not here (any more).
        ConfigError: If this program cannot build it.
    """
    return _trained(run, run.id, stamp_of([run])).predict(image)


@st.cache_resource(max_entries=4, show_spinner="Loading the network…")
def _trained(_run: InspectedRun, id: str, stamp: Any) -> "Trained":
    from dmf.trained import load_trained

    return load_trained(store(), id)


def _picture(content: bytes) -> Pixels:
    expected = "Choose a PNG or JPEG file that a picture viewer opens."
    if not content.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        raise DataError(f"This file is neither PNG nor JPEG. {expected}")
    size = picture_size(content)
    if size is not None and size[0] * size[1] > MOST_PIXELS:
        raise DataError(
            f"This picture has {size[0] * size[1] / 1e6:.0f} million pixels, at most {MOST_PIXELS // 10**6} million "
            "are read. Make it smaller first."
        )
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"This picture is damaged and cannot be read. {expected}")
    if min(image.shape[:2]) < LEAST_SIDE:
        raise DataError(f"This picture is only {image.shape[1]} × {image.shape[0]} pixels. {expected}")
    return plain(image[..., ::-1])
