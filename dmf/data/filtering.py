"""Speckle smoothing and resizing: what happens to an image once, before any network sees it."""

from typing import Literal

import cv2
import numpy as np

from dmf.data.base import Pixels
from dmf.errors import ConfigError


def bilateral(image: Pixels, diameter: int, sigma_space: float, sigma_intensity: float) -> Pixels:
    r"""Smooth speckle and keep edges.

    .. math:: I'(p) = \frac{\sum_q g_s(|p - q|)\, g_i(|I(p) - I(q)|)\, I(q)}{\sum_q g_s(|p - q|)\, g_i(|I(p) - I(q)|)}

    Args:
        image: (H, W) or (H, W, 3) uint8.
        diameter: Width of the neighbourhood of q, in pixels.
        sigma_space: Standard deviation of the Gaussian :math:`g_s`, in pixels.
        sigma_intensity: Standard deviation of the Gaussian :math:`g_i`, in grey levels.

    Raises:
        ConfigError: If the image has neither 1 nor 3 channels.

    Reference:
        Tomasi & Manduchi, Bilateral filtering for gray and color images, ICCV 1998.
    """
    if image.ndim == 3 and image.shape[2] not in (1, 3):
        raise ConfigError(
            f"The bilateral filter takes images of 1 or 3 channels, got {image.shape[2]}; turn the filter off.",
            "filter",
        )
    smooth = cv2.bilateralFilter(image, diameter, sigmaColor=sigma_intensity, sigmaSpace=sigma_space)
    return np.asarray(smooth, dtype=np.uint8).reshape(image.shape)


def square(image: Pixels, size: int, fit: Literal["stretch", "pad"], *, is_mask: bool = False) -> Pixels:
    """Bring an image or a mask to ``size`` x ``size``.

    Args:
        image: (H, W) or (H, W, C) uint8.
        size: Side of the result, in pixels.
        fit: ``stretch`` scales both sides on their own; ``pad`` scales both alike and centres the result on zeros
            (black, or background).
        is_mask: Take nearest neighbours, so that no class appears that was not there. Images are averaged over area
            when shrinking and interpolated linearly when enlarging.

    Returns:
        (size, size) or (size, size, C) uint8.
    """
    height, width = image.shape[:2]
    if fit == "stretch":
        new_height, new_width = size, size
    else:
        scale = size / max(height, width)
        new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    resized = image
    if (new_height, new_width) != (height, width):
        shrinks = new_height * new_width < height * width
        how = cv2.INTER_NEAREST_EXACT if is_mask else cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized = np.asarray(cv2.resize(image, (new_width, new_height), interpolation=how), dtype=np.uint8)
        resized = resized.reshape(new_height, new_width, *image.shape[2:])  # OpenCV drops a single channel
    if (new_height, new_width) == (size, size):
        return resized
    canvas = np.zeros((size, size, *image.shape[2:]), dtype=np.uint8)
    top, left = (size - new_height) // 2, (size - new_width) // 2
    canvas[top : top + new_height, left : left + new_width] = resized
    return canvas
