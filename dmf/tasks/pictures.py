"""Pictures that show what a network sees and makes."""

from typing import TYPE_CHECKING

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
