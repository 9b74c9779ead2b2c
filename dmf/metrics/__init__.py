"""Segmentation metrics from hard counts; never imported by losses.

Scores need numpy only. ``ConfusionCounts`` and ``class_counts`` need torch, which is imported when they are first used,
so that reading results stays light.
"""

from typing import TYPE_CHECKING, Any

from dmf.metrics.info import METRIC_INFO, MetricInfo, metric_info
from dmf.metrics.scores import summarise

if TYPE_CHECKING:
    from dmf.metrics.confusion import ConfusionCounts, class_counts

__all__ = ["METRIC_INFO", "ConfusionCounts", "MetricInfo", "class_counts", "metric_info", "summarise"]


def __getattr__(name: str) -> Any:
    if name in ("ConfusionCounts", "class_counts"):
        from dmf.metrics import confusion

        return getattr(confusion, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
