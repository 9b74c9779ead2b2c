"""Exponential smoothing of a series that grows: each call takes the values that are new."""

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

FEW = 200  # values up to which a plain loop is quicker than setting up a vectorised one


class Smoother:
    r"""Exponential moving average, without the pull of its start.

    .. math:: s_t = \frac{\sum_{i \le t} a^{t-i} y_i}{\sum_{i \le t} a^{t-i}}

    where :math:`a` is ``share``. Values that are not finite count as absent: they leave the average alone and stay NaN.
    Only the two sums are kept, so going on costs the same after a thousand and after a million values.

    Args:
        share: Share kept of the average at each value, in [0, 1); 0 returns the values.

    Raises:
        ValueError: If ``share`` is not in [0, 1).
    """

    def __init__(self, share: float) -> None:
        if not 0 <= share < 1:
            raise ValueError(f"`share` must be in [0, 1), got {share}.")
        self.share = share
        self._sum = self._weight = 0.0

    def __call__(self, values: ArrayLike) -> NDArray[np.float64]:
        """Smooth the next values, (n,)."""
        values = np.asarray(values, np.float64)
        present = np.where(np.isfinite(values), values, np.nan)
        if self.share == 0:
            return present
        return self._one_by_one(present) if len(present) <= FEW else self._at_once(present)

    def _one_by_one(self, present: NDArray[np.float64]) -> NDArray[np.float64]:
        smooth = []
        for value in present.tolist():
            if not math.isnan(value):
                self._sum = self.share * self._sum + value
                self._weight = self.share * self._weight + 1
            smooth.append(value if math.isnan(value) else self._sum / self._weight)
        return np.array(smooth)

    def _at_once(self, present: NDArray[np.float64]) -> NDArray[np.float64]:
        averages = pd.Series(present).ewm(alpha=1 - self.share, adjust=True, ignore_na=True).mean().to_numpy()
        counts = np.isfinite(present).cumsum()
        if not counts[-1]:
            return np.asarray(averages, np.float64)
        if self._weight:
            kept = self.share**counts  # what is left of the sums from before
            weights = (1 - kept) / (1 - self.share)
            sums = np.where(counts > 0, averages * weights, 0) + kept * self._sum
            averages = sums / (weights + kept * self._weight)
            self._weight *= float(kept[-1])
        self._weight += float((1 - self.share ** counts[-1]) / (1 - self.share))
        self._sum = float(averages[-1]) * self._weight
        return np.where(np.isfinite(present), averages, np.nan)
