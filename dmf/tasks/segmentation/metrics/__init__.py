"""Segmentation metrics from hard counts; never imported by losses.

Scores need numpy only. What counts tensors needs torch, which is imported when it is first used, so that reading
results stays light.
"""

from typing import TYPE_CHECKING, Any

from dmf.tasks.segmentation.metrics.info import METRIC_INFO, metric_info
from dmf.tasks.segmentation.metrics.scores import summarise

if TYPE_CHECKING:
    from dmf.tasks.segmentation.metrics.confusion import ConfusionCounts, class_counts, multilabel_counts

__all__ = [
    "METRIC_INFO",
    "ConfusionCounts",
    "class_counts",
    "metric_info",
    "multilabel_counts",
    "summarise",
]


def __getattr__(name: str) -> Any:
    if name in ("ConfusionCounts", "class_counts", "multilabel_counts"):
        from dmf.tasks.segmentation.metrics import confusion

        return getattr(confusion, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
