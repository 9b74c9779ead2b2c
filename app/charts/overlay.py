"""Pictures of a segmentation over its image: what was found, what was missed, what was made up."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Color = tuple[int, int, int]

VOID = 255  # class number of pixels of which nobody said what they show
GREY: Color = (128, 128, 128)


def decode(png: bytes, *, grey: bool = True) -> Pixels:
    """A PNG as (H, W), or as (H, W, 3) red, green, blue.

    Raises:
        ValueError: If it is not a picture.
    """
    flags = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
    image = cv2.imdecode(np.frombuffer(png, np.uint8), flags) if png else None
    if image is None:
        raise ValueError(f"Expected a PNG, got {len(png)} bytes that are none.")
    return np.asarray(image if grey else image[..., ::-1], np.uint8)


def encode(image: Pixels) -> bytes:
    """(H, W) or (H, W, 3) red, green, blue as PNG."""
    data = cv2.imencode(".png", np.ascontiguousarray(image if image.ndim == 2 else image[..., ::-1]))[1]
    return bytes(data)


def compare(image: Pixels, truth: Pixels, prediction: Pixels, colors: Mapping[str, Color], opacity: float) -> Pixels:
    """Colour each pixel by how the prediction did there.

    Args:
        image: (H, W, 3).
        truth: (H, W) class numbers, 0 the background; at void pixels, 255, grey stripes say that nothing counts there.
        prediction: (H, W) class numbers.
        colors: Of ``true positive``, ``false positive`` and ``false negative``; a class taken for another
            one counts as missed.
        opacity: Of the colours, 0..1; outlines stay visible.

    Returns:
        (H, W, 3)
    """
    is_there = (truth > 0) & (truth != VOID)
    areas = {
        "true positive": is_there & (truth == prediction),
        "false positive": (truth == 0) & (prediction > 0),
        "false negative": is_there & (truth != prediction),
    }
    for name, area in areas.items():
        image = _tinted(image, area, colors[name], opacity)
    return _with_void(image, truth, opacity)


def outline(image: Pixels, truth: Pixels, colors: Mapping[int, Color], opacity: float) -> Pixels:
    """The truth over its image, (H, W, 3): each class but the background in its colour, void pixels in grey stripes."""
    for number, color in colors.items():
        image = _tinted(image, truth == number, color, opacity)
    return _with_void(image, truth, opacity)


def _with_void(image: Pixels, truth: Pixels, opacity: float) -> Pixels:
    void = truth == VOID
    if not void.any():
        return image
    rows, columns = np.indices(truth.shape)
    share = (opacity * (void & ((rows + columns) % 4 < 2)))[..., None]
    return np.asarray(np.rint(image * (1 - share) + np.array(GREY) * share), np.uint8)


def _tinted(image: Pixels, area: NDArray[np.bool_], color: Color, opacity: float) -> Pixels:
    if not area.any():
        return image
    inside = cv2.erode(area.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) > 0
    share = np.where(inside, opacity, max(opacity, 0.9))[..., None] * area[..., None]
    return np.asarray(np.rint(image * (1 - share) + np.array(color) * share), np.uint8)
