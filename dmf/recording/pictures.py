"""Sample pictures of a loop of someone's own: arrays or tensors of any device become PNGs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dmf.records import IGNORE


def image_png(image: Any) -> bytes:
    """An image as PNG.

    Args:
        image: (H, W), (1, H, W) or (3, H, W) red, green, blue; 0..1 in floating point, else 0..255.

    Raises:
        ValueError: If it has another shape or range.
    """
    values = _array(image)
    values = values[0] if values.ndim == 3 and values.shape[0] == 1 else values
    if values.ndim != 2 and values.shape[:1] + values.shape[3:] != (3,):
        raise ValueError(f"`image` must have shape (H, W), (1, H, W) or (3, H, W), got {values.shape}.")
    top = 1 if values.dtype.kind == "f" else 255
    if not (values.size and values.min() >= 0 and values.max() <= top):
        low, high = (values.min(), values.max()) if values.size else (np.nan, np.nan)
        raise ValueError(f"`image` must lie in 0..{top}, got {low:g} to {high:g}.")
    pixels = np.rint(values * (255 / top)).astype(np.uint8)
    return _encode(pixels if pixels.ndim == 2 else pixels[::-1].transpose(1, 2, 0))  # OpenCV has blue first


def classes(name: str, labels: Any) -> NDArray[np.uint8]:
    """The class number of each pixel, (H, W), from (H, W) or (1, H, W) whole numbers or booleans.

    Raises:
        ValueError: If it has another shape, or holds anything else.
    """
    values = _array(labels)
    values = values[0] if values.ndim == 3 and values.shape[0] == 1 else values
    if values.ndim != 2 or values.dtype.kind not in "bui":
        raise ValueError(
            f"`{name}` must hold the class number of each pixel, (H, W) whole numbers, got {values.shape} "
            f"{values.dtype}. From logits (C, H, W) take `logits.argmax(0)`."
        )
    if values.size and not 0 <= values.min() <= values.max() <= 255:
        raise ValueError(f"`{name}` must hold class numbers in 0..255, got {values.min()} to {values.max()}.")
    return values.astype(np.uint8)


def classes_png(labels: NDArray[np.uint8]) -> bytes:
    """Class numbers (H, W) as PNG."""
    return _encode(labels)


def dice(truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> float | None:
    """Mean Dice over the classes but the background (0) that either has, without void pixels (255 in the truth).

    None where neither has any.
    """
    valid = truth != IGNORE
    truth, prediction = truth[valid], prediction[valid]
    present = sorted({*np.unique(truth).tolist(), *np.unique(prediction).tolist()} - {0})
    scores = [
        2
        * np.count_nonzero((truth == label) & (prediction == label))
        / (np.count_nonzero(truth == label) + np.count_nonzero(prediction == label))
        for label in present
    ]
    return float(np.mean(scores)) if scores else None


def _array(values: Any) -> NDArray[Any]:
    if isinstance(values, Tensor):
        values = (values.detach().float() if values.is_floating_point() else values).cpu()
    return np.asarray(values)


def _encode(pixels: NDArray[np.uint8]) -> bytes:
    from cv2 import imencode  # only who shows pictures needs it

    return bytes(imencode(".png", np.ascontiguousarray(pixels))[1])
