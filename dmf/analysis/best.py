"""Which epoch of a run is its best: one answer for every page, table and command."""

import math
from collections.abc import Iterable

import pandas as pd

HEADLINE = "cb_dice"  # on the validation images it decides which epoch is the best one, here as in training


def best_point(points: Iterable[tuple[int, float]]) -> tuple[int, float] | None:
    """The epoch with the highest validation score, the first of equals, and that score.

    The untrained network (epoch 0) is none of them, nor is what is no number. None before the first.

    Args:
        points: (epoch, score), in any order.
    """
    trained = sorted((epoch, score) for epoch, score in points if epoch > 0 and math.isfinite(score))
    return max(trained, key=lambda point: point[1], default=None)


def shown_epoch(metrics: pd.DataFrame) -> int | None:
    """The epoch that a run is described by: the one whose network was tested, else its best, else the latest.

    Of several that were tested it is the best one, or the latest of them where the best was not tested.

    Args:
        metrics: Rows of one run as ``RunStore.epoch_metrics`` returns them.

    Returns:
        None before the first evaluation.
    """
    if metrics.empty:
        return None
    headline = metrics[(metrics["split"] == "validation") & (metrics["metric"] == HEADLINE)]
    best = best_point(zip(headline["epoch"].tolist(), headline["value"].tolist(), strict=True))
    tested = metrics.loc[metrics["split"] == "test", "epoch"]
    if len(tested) and (best is None or best[0] not in set(tested)):
        return int(tested.max())
    return int(metrics["epoch"].max()) if best is None else best[0]
