"""Every metric of a split for each run or group: mean, spread, and difference to a baseline."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from dmf.analysis.best import OURS, Headline, shown_epoch
from dmf.records import Split
from dmf.tasks import known_metric

COLUMNS = {
    **{"group": "object", "metric": "object", "runs": "int64", "mean": "float64", "sd": "float64"},
    **{"low": "float64", "high": "float64", "difference": "float64"},
}


def summary_table(
    metrics: pd.DataFrame,
    groups: Mapping[str, Sequence[str]],
    baseline: str,
    split: Split = "test",
    headlines: Mapping[str, Headline] | None = None,
) -> pd.DataFrame:
    """Mean and spread over the runs of each group, at the epoch that each is described by.

    That is the tested epoch, else the best; see :func:`dmf.analysis.best.shown_epoch`. How many images are behind a
    mean (metrics that are counts) is no score and has no row.

    It describes; whether a difference is more than chance, ``dmf.analysis.comparison.compare`` tells.

    Args:
        metrics: Rows as ``RunStore.epoch_metrics`` gives them.
        groups: Name to run ids; a run by itself is a group of one.
        baseline: Group whose mean is subtracted in ``difference``.
        split: Which split's metrics.
        headlines: Run id to what decides its best epoch; ours where it is not named.

    Returns:
        One row per group and metric: ``group``, ``metric``, ``runs`` (those that have the metric; runs whose value is
        not a number are left out), ``mean``, ``sd`` (n - 1), the 95 % interval ``low``..``high`` of the mean after
        Student, and ``difference`` of the mean to the baseline's. NaN where one run has no spread, or the baseline no
        such metric. Groups in their order, metrics in the order of the alphabet.

    Raises:
        ValueError: If there is no such baseline.
    """
    if baseline not in groups:
        raise ValueError(f"`baseline` must be one of {', '.join(groups)}, got {baseline!r}.")
    metrics = metrics[~metrics["metric"].map(lambda name: known_metric(name).is_count).astype(bool)]
    decide = headlines or {}
    tested = {run: shown_epoch(rows, decide.get(str(run), OURS)) for run, rows in metrics.groupby("run")}
    chosen = metrics[(metrics["split"] == split) & (metrics["epoch"] == metrics["run"].map(tested))]
    member = pd.DataFrame([(name, run) for name, runs in groups.items() for run in runs], columns=["group", "run"])
    scored = member.merge(chosen[["run", "metric", "value"]], on="run").dropna(subset="value")
    table = scored.groupby(["group", "metric"])["value"].agg(runs="count", mean="mean", sd="std").reset_index()
    half = stdtrit(np.maximum(table["runs"] - 1, 1), 0.975) * table["sd"] / np.sqrt(table["runs"])
    base = table[table["group"] == baseline].set_index("metric")["mean"]
    reference = table["metric"].map(base).astype("float64")
    table = table.assign(low=table["mean"] - half, high=table["mean"] + half, difference=table["mean"] - reference)
    place = {name: position for position, name in enumerate(groups)}
    table = table.sort_values(
        ["group", "metric"], key=lambda column: column.map(place) if column.name == "group" else column
    )
    return table[list(COLUMNS)].astype(COLUMNS).reset_index(drop=True)
