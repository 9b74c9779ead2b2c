"""Which training images come more often than others: those that show what is rare."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dmf.data.base import Pixels
from dmf.errors import ConfigError
from dmf.records import IGNORE

Oversample = Literal["none", "class", "area"]
MOST = 10.0  # how much more often the smallest comes than the largest


def require_classes(how: Oversample, *, are_classes: bool) -> None:
    """Refuse to oversample by classes where targets are images.

    Raises:
        ConfigError: If so.
    """
    if how != "none" and not are_classes:
        raise ConfigError(
            "Oversampling goes by the classes of pixels, and targets of this task are images. Choose oversample=none.",
            "oversample",
        )


def sampling_shares(
    targets: Pixels, positions: NDArray[np.int64], how: Oversample, classes: int
) -> NDArray[np.float64] | None:
    r"""How often each training image comes, as shares.

    - ``class``: by the rarest class that it shows, one over the number of training images with that class;
    - ``area``: by the inverse of the area of all that is not background, at most ten times as often as that of the
      largest area; images of background alone as that.

    Args:
        targets: (N, S, S) class numbers, 255 where void.
        positions: (n,) of the training images.
        how: As above; ``none`` is every one alike.
        classes: How many there are.

    Returns:
        (n,) that sum to 1; None for ``none``.

    Raises:
        ConfigError: If targets are no classes.
    """
    if how == "none":
        return None
    require_classes(how, are_classes=targets.ndim == 3)
    counts = np.stack([np.bincount(targets[at].ravel(), minlength=IGNORE + 1)[:classes] for at in positions])
    if how == "class":
        shows = counts > 0
        weights = np.maximum((shows / np.maximum(1, shows.sum(0))).max(1), 1 / len(positions))  # void all over: once
    else:
        areas = counts[:, 1:].sum(1)
        largest = max(1, int(areas.max()))
        weights = np.where(areas > 0, largest / np.maximum(areas, largest / MOST), 1.0)
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares
