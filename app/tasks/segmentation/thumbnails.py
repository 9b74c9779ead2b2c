"""Small pictures of cases: the image with the outlines of truth and prediction."""

import base64
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.charts.overlay import VOID
from app.theme import MASK_COLORS

SIDE = 144  # px, the longer side
QUALITY = 82  # of WebP


def thumbnail(image: NDArray[np.uint8], truth: NDArray[Any] | None, prediction: NDArray[Any] | None) -> str:
    """The picture as a data URL.

    Args:
        image: (H, W) or (H, W, 3), red, green, blue.
        truth: (h, w) of any size over the same image; not 0 where something is, 255 where nobody said. Drawn as a white
            line.
        prediction: As the truth; drawn as a yellow line above it.
    """
    scale = SIDE / max(image.shape[:2])
    width, height = (max(1, round(length * scale)) for length in image.shape[1::-1])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)
    drawn = np.ascontiguousarray(small if small.ndim == 3 else np.stack([small] * 3, axis=-1))
    for mask, color in ((truth, MASK_COLORS["truth"]), (prediction, MASK_COLORS["prediction"])):
        if mask is not None:
            fitted = cv2.resize(
                ((mask > 0) & (mask != VOID)).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT
            )
            outlines, _ = cv2.findContours(fitted, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(drawn, outlines, -1, color, 1)
    _, data = cv2.imencode(".webp", drawn[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return f"data:image/webp;base64,{base64.b64encode(data.tobytes()).decode()}"
