"""Exponential smoothing of series that grow: each call takes the rows that are new."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Smoother:
    r"""Exponential moving average of several columns at once, without the pull of its start.

    .. math:: s_t = \frac{\sum_{i \le t} a^{t-i} y_i}{\sum_{i \le t} a^{t-i}}

    where :math:`a` is ``share``. Values that are not finite count as absent: they leave the average alone and stay NaN.
    Only the two sums are kept, so going on costs the same after a thousand and after a million rows.

    Args:
        share: Share kept of the average at each row, in [0, 1); 0 returns the values.
        columns: How many columns.

    Raises:
        ValueError: If ``share`` is not in [0, 1).
    """

    def __init__(self, share: float, columns: int) -> None:
        if not 0 <= share < 1:
            raise ValueError(f"`share` must be in [0, 1), got {share}.")
        self.share = share
        self._sum, self._weight = np.zeros(columns), np.zeros(columns)

    def __call__(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Smooth the next rows, (n, columns)."""
        rows = np.asarray(rows, np.float64)
        finite = np.isfinite(rows)
        if self.share == 0 or not len(rows):
            return np.where(finite, rows, np.nan)
        present = pd.DataFrame(np.where(finite, rows, np.nan))
        averages = present.ewm(alpha=1 - self.share, adjust=True, ignore_na=True).mean().to_numpy()
        kept = self.share ** finite.cumsum(0)  # what is left of the sums from before
        weights = (1 - kept) / (1 - self.share)
        sums = np.where(weights > 0, averages * weights, 0) + kept * self._sum
        weights = weights + kept * self._weight
        self._sum, self._weight = sums[-1], weights[-1]
        with np.errstate(invalid="ignore"):
            return np.where(finite, sums / weights, np.nan)
