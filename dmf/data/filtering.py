"""Speckle smoothing and resizing: what happens to an image once, before any network sees it."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dmf.config import DataConfig
from dmf.data.base import Pixels
from dmf.errors import ConfigError


@dataclass(frozen=True)
class Preprocessed:
    """An image on its way to the network.

    Attributes:
        filtered: (H, W) or (H, W, C) uint8, of original size; the image itself where the filter is off.
        resized: (S, S) or (S, S, C) uint8, what the network sees.
    """

    filtered: Pixels
    resized: Pixels

    @property
    def histogram(self) -> NDArray[np.int64]:
        """How many values of the resized image have each intensity, (256,)."""
        return histogram(self.resized)


def preprocess(image: Pixels, config: DataConfig) -> Preprocessed:
    """Filter and resize one image as a configuration says.

    Args:
        image: (H, W) or (H, W, C) uint8, of original size.
        config: Its filter, image size and fit are used.

    Raises:
        ConfigError: If the filter is on and the image has neither 1 nor 3 channels.
    """
    filtered = image
    if config.filter:
        filtered = bilateral(image, config.filter_diameter, config.filter_sigma_space, config.filter_sigma_intensity)
    return Preprocessed(filtered, square(filtered, config.image_size, config.fit))


def histogram(image: Pixels) -> NDArray[np.int64]:
    """How many values of an image have each intensity, (256,); channels are counted together."""
    return np.bincount(image.ravel(), minlength=256)


def bilateral(image: Pixels, diameter: int, sigma_space: float, sigma_intensity: float) -> Pixels:
    r"""Smooth speckle and keep edges.

    .. math:: I'(p) = \frac{\sum_q g_s(|p - q|)\, g_i(|I(p) - I(q)|)\, I(q)}{\sum_q g_s(|p - q|)\, g_i(|I(p) - I(q)|)}

    Args:
        image: (H, W) or (H, W, 3) uint8.
        diameter: Width of the neighbourhood of q, in pixels.
        sigma_space: Standard deviation of the Gaussian :math:`g_s`, in pixels.
        sigma_intensity: Standard deviation of the Gaussian :math:`g_i`, in grey levels.

    Raises:
        ConfigError: If the image has neither 1 nor 3 channels, or another type.

    Reference:
        Tomasi & Manduchi, Bilateral filtering for gray and color images, ICCV 1998.
    """
    if image.ndim == 3 and image.shape[2] not in (1, 3):
        raise ConfigError(
            f"The bilateral filter takes images of 1 or 3 channels, got {image.shape[2]}; turn the filter off.",
            "filter",
        )
    if image.dtype != np.uint8:
        raise ConfigError(f"The bilateral filter takes images of 8 bits, got {image.dtype}; turn it off.", "filter")
    smooth = cv2.bilateralFilter(image, diameter, sigmaColor=sigma_intensity, sigmaSpace=sigma_space)
    return np.asarray(smooth, dtype=np.uint8).reshape(image.shape)


def square(image: Pixels, size: int, fit: Literal["stretch", "pad"], *, is_mask: bool = False) -> Pixels:
    """Bring an image or a mask to ``size`` x ``size``.

    Args:
        image: (H, W) or (H, W, C) uint8; an image also uint16 or float32.
        size: Side of the result, in pixels.
        fit: ``stretch`` scales both sides on their own; ``pad`` scales both alike and centres the result on zeros
            (black, or background).
        is_mask: Take nearest neighbours, so that no class appears that was not there. Images are averaged over area
            when shrinking and interpolated linearly when enlarging.

    Returns:
        (size, size) or (size, size, C), of the same type.
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
        resized = np.asarray(cv2.resize(image, (new_width, new_height), interpolation=how), dtype=image.dtype)
        resized = resized.reshape(new_height, new_width, *image.shape[2:])  # OpenCV drops a single channel
    if (new_height, new_width) == (size, size):
        return resized
    canvas = np.zeros((size, size, *image.shape[2:]), dtype=image.dtype)
    top, left = (size - new_height) // 2, (size - new_width) // 2
    canvas[top : top + new_height, left : left + new_width] = resized
    return canvas
