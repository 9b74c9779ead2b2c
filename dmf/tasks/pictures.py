"""Pictures that show what a network sees and makes."""

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """An 8-bit image (H, W), or (H, W, 3) in BGR, as PNG."""
    _, data = cv2.imencode(".png", np.ascontiguousarray(image))
    return data.tobytes()


def encode_image(image: "Tensor") -> bytes:
    """An image (C, H, W) of values in 0..1 as 8-bit PNG; three channels are red, green and blue, else the first."""
    import torch

    pixels = (image.permute(1, 2, 0) * 255).round().to(torch.uint8).cpu().numpy()
    return encode_png(pixels[..., ::-1] if pixels.shape[-1] == 3 else pixels[..., 0])


def image_png(image: Any, name: str = "image") -> bytes:
    """An image that a loop of someone's own gives, as PNG.

    Args:
        image: Array or tensor of any device, (H, W), (1, H, W) or (3, H, W) red, green, blue; 0..1 in floating point,
            else 0..255.
        name: What messages call it.

    Raises:
        ValueError: If it has another shape or range.
    """
    values = as_array(image)
    values = values[0] if values.ndim == 3 and values.shape[0] == 1 else values
    if values.ndim != 2 and values.shape[:1] + values.shape[3:] != (3,):
        raise ValueError(f"`{name}` must have shape (H, W), (1, H, W) or (3, H, W), got {values.shape}.")
    top = 1 if values.dtype.kind == "f" else 255
    if not (values.size and values.min() >= 0 and values.max() <= top):
        low, high = (values.min(), values.max()) if values.size else (np.nan, np.nan)
        raise ValueError(f"`{name}` must lie in 0..{top}, got {low:g} to {high:g}.")
    pixels = np.rint(values * (255 / top)).astype(np.uint8)
    return encode_png(pixels if pixels.ndim == 2 else pixels[::-1].transpose(1, 2, 0))  # OpenCV has blue first


def as_array(values: Any) -> NDArray[Any]:
    """An array of an array or a tensor of any device; half precision becomes float32."""
    if hasattr(values, "detach"):
        values = (values.detach().float() if values.is_floating_point() else values).cpu()
    return np.asarray(values)
