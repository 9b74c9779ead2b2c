"""Values of masks saved as JPEG or with soft edges, told apart by where they gather."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

REACH = 16  # levels that JPEG may move a value; clusters lie at least half as far again apart
LEAST = 0.002  # share of all pixels below which nothing is a cluster
DENSER = 4  # times as many pixels per level as around it that a cluster holds in its middle
MOST_CLUSTERS = 32
SNAP = 8  # levels from 0 and from 255 within which a cluster is taken to mean these


@dataclass(frozen=True)
class Cluster:
    """Values around one that was meant.

    Attributes:
        value: Which is meant: the commonest, or 0 or 255 where that is near.
        low, high: Smallest and largest value near it.
        share: Of all pixels, with those near it.
    """

    value: int
    low: int
    high: int
    share: float

    def __str__(self) -> str:
        span = f"{self.low} to {self.high}" if self.low < self.high else f"{self.low}"
        return f"{self.value} ({span}, {self.share:.2%})"


@dataclass(frozen=True)
class Clusters:
    """The clusters of a set of masks, smallest value first.

    Attributes:
        members: Each of them.
        far: Pixels that are near none: further than a quarter of the way to the next.
        total: All pixels.
    """

    members: tuple[Cluster, ...]
    far: int
    total: int

    @property
    def values(self) -> tuple[int, ...]:
        """What the clusters mean."""
        return tuple(cluster.value for cluster in self.members)

    @property
    def far_share(self) -> float:
        """Share of the pixels that are near no cluster."""
        return self.far / max(self.total, 1)


def find_clusters(counts: Mapping[int, int]) -> Clusters:
    """Where values gather.

    Peaks are taken from the highest down. One counts where its middle holds ``DENSER`` times as many pixels per level
    as the levels around it, so that the slopes of soft edges and the ringing of JPEG are no clusters, and where it
    holds a share of ``LEAST``.

    Args:
        counts: Pixels of each value; at least one.
    """
    values = np.array(sorted(counts), np.int64)
    pixels = np.array([counts[value] for value in values.tolist()], np.int64)
    total = int(pixels.sum())
    reach = max(REACH, int(values[-1] - values[0]) // 16)
    left = pixels.copy()
    peaks: list[int] = []
    while len(peaks) < MOST_CLUSTERS and left.max() > 0:
        peak = int(values[left.argmax()])
        distance = np.abs(values - peak)
        middle, around = distance <= reach // 2, (distance > reach // 2) & (distance <= 3 * reach // 2)
        mass, other = int(pixels[middle].sum()), int(pixels[around].sum())
        if mass < LEAST * total:
            break
        # Levels that lie between the lowest and the highest; a peak at an end has neighbours on one side only.
        inside = _levels(values, peak - reach // 2, peak + reach // 2)
        outside = max(1, _levels(values, peak - 3 * reach // 2, peak + 3 * reach // 2) - inside)
        if mass / inside >= DENSER * other / outside:
            peaks.append(peak)
        left[distance <= 3 * reach // 2] = 0
    meant = np.array(sorted(_meant(peak) for peak in peaks), np.int64)
    if not len(meant):
        return Clusters((), total, total)
    return _around(meant, values, pixels)


def _levels(values: NDArray[Any], low: int, high: int) -> int:
    return int(min(high, values[-1]) - max(low, values[0]) + 1)


def _meant(peak: int) -> int:
    return 0 if peak <= SNAP else 255 if 255 - SNAP <= peak <= 255 else peak


def _around(meant: NDArray[Any], values: NDArray[Any], pixels: NDArray[Any]) -> Clusters:
    near = np.abs(values[:, None] - meant[None])
    owner = near.argmin(1)
    far = is_far(near.min(1), meant)
    total = int(pixels.sum())
    clusters = []
    for place, value in enumerate(meant.tolist()):
        own = (owner == place) & ~far
        if own.any():
            share = int(pixels[own].sum()) / total
            clusters.append(Cluster(value, int(values[own].min()), int(values[own].max()), share))
    return Clusters(tuple(clusters), int(pixels[far].sum()), total)


def is_far(distance: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Whether values so far from the nearest class are near none: further than a quarter of the smallest gap."""
    gap = np.diff(np.sort(values)).min() if len(values) > 1 else 255
    return np.asarray(distance > max(1, gap / 4))
