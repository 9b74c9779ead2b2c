"""Confusion counts of one image on the host; ``confusion`` beside it counts batches on a device."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmf.records import IGNORE


def label_counts(
    prediction: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]], classes: int, ignore: int | None = IGNORE
) -> NDArray[np.int64]:
    """Count true positives, false positives and false negatives of each class.

    Args:
        prediction: Predicted class number of every pixel, 0..C-1.
        truth: True class number of every pixel, 0..C-1, or ``ignore``; of the shape of ``prediction``.
        classes: Number of classes C.
        ignore: Value of void pixels in ``truth``: whatever is predicted there counts nowhere.

    Returns:
        (C, 3) in pixels.

    Raises:
        ValueError: If the shapes differ, or a number is none of a class.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"`prediction` and `truth` must have one shape, got {prediction.shape} and {truth.shape}.")
    valid = slice(None) if ignore is None else truth != ignore
    predicted, true = prediction[valid].ravel().astype(np.int64), truth[valid].ravel().astype(np.int64)
    for name, labels in (("prediction", predicted), ("truth", true)):
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise ValueError(
                f"`{name}` has the class numbers {labels.min()} to {labels.max()}, but there are {classes} classes, "
                "counted from 0."
            )
    table = np.bincount(true * classes + predicted, minlength=classes**2).reshape(
        classes, classes
    )  # truth by prediction
    hits = table.diagonal()
    return np.stack((hits, table.sum(0) - hits, table.sum(1) - hits), axis=-1)
