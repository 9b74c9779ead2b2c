"""Which epoch of a run is its best: one answer for every page, table and command."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dmf.tasks import known_metric, task_named

HEADLINE = task_named(None).headline  # of whatever names no task


@dataclass(frozen=True)
class Headline:
    """The metric that decides, on the validation images, which epoch and which run is the best."""

    metric: str = HEADLINE
    lower_is_better: bool = False

    def rank(self, score: float) -> float:
        """The higher, the better."""
        return -score if self.lower_is_better else score

    @property
    def title(self) -> str:
        """What the metric is called."""
        return known_metric(self.metric).title

    @property
    def sentence(self) -> str:
        """What the metric measures."""
        return known_metric(self.metric).sentence


OURS = Headline()


def headline_of(config: Mapping[str, Any]) -> Headline:
    """What decides in an experiment: the first metric that the program of someone's own told of, else its task's.

    Args:
        config: Of the experiment.
    """
    for name, about in (config.get("metrics") or {}).items():
        return Headline(name, about["better"] == "lower")
    task = task_named(config.get("task"))
    return Headline(task.headline, task.metric_info(task.headline).better == "lower")


def best_point(points: Iterable[tuple[int, float]], headline: Headline = OURS) -> tuple[int, float] | None:
    """The epoch with the best validation score, the first of equals, and that score.

    The untrained network (epoch 0) is none of them, nor is what is no number. None before the first.

    Args:
        points: (epoch, score), in any order.
        headline: What the scores are.
    """
    trained = sorted((epoch, score) for epoch, score in points if epoch > 0 and math.isfinite(score))
    return max(trained, key=lambda point: headline.rank(point[1]), default=None)


def shown_epoch(metrics: pd.DataFrame, headline: Headline = OURS) -> int | None:
    """The epoch that a run is described by: the one whose network was tested, else its best, else the latest.

    Of several that were tested it is the best one, or the latest of them where the best was not tested.

    Args:
        metrics: Rows of one run as ``RunStore.epoch_metrics`` returns them.
        headline: What decides which is the best.

    Returns:
        None before the first evaluation.
    """
    if metrics.empty:
        return None
    rows = metrics[(metrics["split"] == "validation") & (metrics["metric"] == headline.metric)]
    best = best_point(zip(rows["epoch"].tolist(), rows["value"].tolist(), strict=True), headline)
    tested = metrics.loc[metrics["split"] == "test", "epoch"]
    if len(tested) and (best is None or best[0] not in set(tested)):
        return int(tested.max())
    return int(metrics["epoch"].max()) if best is None else best[0]
