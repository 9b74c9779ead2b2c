"""Pictures as arrays, and where an image lies in what a network makes of it."""

import cv2
import numpy as np

from app.views import Fit, Window
from dmf.data.filtering import square
from dmf.probabilities import Pixels


def truth_at(truth: Pixels, size: tuple[int, int], fit: Fit) -> Pixels:
    """A truth of class numbers in the pixels of a prediction, as the network was scored."""
    if truth.shape == size:
        return truth
    if size[0] == size[1]:
        return np.ascontiguousarray(square(truth, size[0], fit, is_mask=True))
    return np.asarray(cv2.resize(truth, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def window_of(image: tuple[int, int], size: tuple[int, int], fit: Fit) -> Window | None:
    """Where an image lies within the square that a network sees, in its pixels; None for all of it.

    Args:
        image: Height and width of the image.
        size: Those of the prediction.
        fit: How the image was made square.
    """
    if fit == "stretch" or size[0] != size[1] or image == size:
        return None
    side = size[0]
    high, wide = (max(1, round(length * side / max(image))) for length in image)
    return ((side - wide) // 2, (side - high) // 2, wide, high)


def inside(pixels: Pixels, window: Window | None) -> Pixels:
    """The part of a prediction that lies under the image."""
    if window is None:
        return pixels
    left, top, wide, high = (round(side) for side in window)
    return pixels[top : top + high, left : left + wide]


def decode(png: bytes) -> Pixels:
    """A picture that was kept: (H, W) where it is grey, else (H, W, 3) red, green, blue."""
    return plain(np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def decode_grey(png: bytes) -> Pixels:
    """What was kept as a picture of one channel, (H, W): levels of grey, or class numbers."""
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def plain(image: Pixels) -> Pixels:
    """(H, W) where the three channels are alike, else as it is."""
    is_grey = bool((image == image[..., :1]).all())
    return np.ascontiguousarray(image[..., 0] if is_grey else image, np.uint8)
