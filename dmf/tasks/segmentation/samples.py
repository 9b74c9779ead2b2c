"""Sample pictures of a loop of someone's own: the class of each pixel, true and predicted, and how well they agree."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmf.records import IGNORE


def drawn(truth: Any, prediction: Any) -> tuple[bytes, bytes, float | None]:
    """PNGs of the class numbers of truth and prediction, and the mean Dice of the classes but the background.

    Args:
        truth: Class numbers, 0 the background, as :func:`classes` takes them.
        prediction: The same of what the network finds.

    Raises:
        ValueError: If one holds no class numbers, or they differ in shape.
    """
    from dmf.tasks.pictures import encode_png  # only who shows pictures needs OpenCV

    true, predicted = classes("truth", truth), classes("prediction", prediction)
    if true.shape != predicted.shape:
        raise ValueError(f"`truth` and `prediction` must have one shape, got {true.shape} and {predicted.shape}.")
    return encode_png(true), encode_png(predicted), dice(true, predicted)


def classes(name: str, labels: Any) -> NDArray[np.uint8]:
    """The class number of each pixel, (H, W), from (H, W) or (1, H, W) whole numbers or booleans.

    Raises:
        ValueError: If it has another shape, or holds anything else.
    """
    from dmf.tasks.pictures import as_array

    values = as_array(labels)
    values = values[0] if values.ndim == 3 and values.shape[0] == 1 else values
    if values.ndim != 2 or values.dtype.kind not in "bui":
        raise ValueError(
            f"`{name}` must hold the class number of each pixel, (H, W) whole numbers, got {values.shape} "
            f"{values.dtype}. From logits (C, H, W) take `logits.argmax(0)`."
        )
    if values.size and not 0 <= values.min() <= values.max() <= 255:
        raise ValueError(f"`{name}` must hold class numbers in 0..255, got {values.min()} to {values.max()}.")
    return values.astype(np.uint8)


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
