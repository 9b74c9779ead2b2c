"""The metrics of segmentation, by the name that programs of one's own import them under.

They lie in :mod:`dmf.tasks.segmentation.metrics`. Scores need numpy only; what counts tensors needs torch, which is
imported when it is first used.
"""

from typing import TYPE_CHECKING, Any

from dmf.metric_info import MetricInfo
from dmf.tasks.segmentation import metrics as _metrics
from dmf.tasks.segmentation.metrics import METRIC_INFO, metric_info, summarise

if TYPE_CHECKING:
    from dmf.tasks.segmentation.metrics import ConfusionCounts, class_counts, multilabel_counts

__all__ = [
    "METRIC_INFO",
    "ConfusionCounts",
    "MetricInfo",
    "class_counts",
    "metric_info",
    "multilabel_counts",
    "summarise",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(_metrics, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
