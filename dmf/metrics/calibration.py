"""Whether a probability means what it says: the names of :mod:`dmf.tasks.segmentation.metrics.calibration`."""

from dmf.tasks.segmentation.metrics.calibration import (
    Reliability,
    lesion_box,
    level_reliability,
    reliability,
)

__all__ = [
    "Reliability",
    "lesion_box",
    "level_reliability",
    "reliability",
]
