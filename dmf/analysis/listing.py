"""All runs as one table to search, sort and choose from."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import pandas as pd

from dmf.analysis.best import HEADLINE, OURS, headline_of
from dmf.analysis.training_time import seconds_of
from dmf.runs import EventRow, ExperimentRow, RunRow, RunStore
from dmf.tasks import TASKS, find_task

Best: TypeAlias = dict[tuple[str, str, str], float]  # run, split and metric to its value at the best epoch

COLUMNS = {
    **{"run": "object", "experiment": "object", "name": "object", "label": "object", "dataset": "object"},
    **{"method": "object", "auxiliary": "object", "seed": "object", "state": "object", "epoch": "int64"},
    **{"steps": "int64", "seconds": "float64", "created": "float64", "tags": "object", "notes": "object"},
    **{"archived": "bool", "headline": "object"},
}


def run_table(
    store: RunStore, metrics: Sequence[str] | None = None, limit: int = 10_000, *, archived: bool = False
) -> pd.DataFrame:
    """One row per run, newest experiment first, within one in their order. A few queries, however many runs.

    Columns:
        - ``run``, ``experiment``: ids; ``name`` of the experiment, ``label`` of the run;
        - ``dataset``, ``method`` (the weighting it started with), ``auxiliary`` (``none`` without one), ``seed``: None
          where not recorded;
        - ``state`` in a word; ``epoch``: the latest evaluated; ``steps`` taken;
        - ``seconds`` that it has trained, none of them while it was paused or had stopped; NaN before it starts;
        - ``created``: Unix time in seconds; ``tags``: a tuple; ``notes``; ``archived``;
        - ``headline``: the metric that decides which epoch is its best;
        - ``validation_<metric>`` at its best epoch, ``test_<metric>`` at the epoch that was tested (the best where
          there are several); at the latest of a run without a best one; NaN before there is one.

    Args:
        store: Where the runs are.
        metrics: Names of metrics, each one column for validation and one for test; default those of every task that
            stand first, its headline before the others.
        limit: Most experiments.
        archived: Also runs that are archived.

    Raises:
        StoreError: If the store cannot be read.
    """
    metrics = listed_metrics() if metrics is None else metrics
    experiments = store.experiments(limit, archived=archived)
    others = {
        run.id: (decides.metric, decides.lower_is_better)
        for experiment in experiments
        if (decides := headline_of(experiment.config)) != OURS
        for run in experiment.runs
    }
    best: Best = {
        (row.run, row.split, row.metric): row.value
        for row in store.best_metrics(metrics, HEADLINE, others).itertuples(index=False)
    }
    breaks: dict[str, list[EventRow]] = {}
    for event in store.state_events():
        breaks.setdefault(event.run, []).append(event)
    rows = [
        _row(experiment, run, metrics, best, breaks.get(run.id, ()))
        for experiment in experiments
        for run in experiment.runs
    ]
    scores = {f"{split}_{metric}": "float64" for split in ("validation", "test") for metric in metrics}
    return pd.DataFrame(rows, columns=[*COLUMNS, *scores]).astype(COLUMNS | scores)


def listed_metrics() -> tuple[str, ...]:
    """Metrics of every task that a table of all runs shows: its headline, and what stands beside it."""
    tasks = [find_task(name) for name in TASKS]
    return tuple(dict.fromkeys(name for task in tasks for name in (task.headline, *task.columns[:2])))


def _row(
    experiment: ExperimentRow, run: RunRow, metrics: Sequence[str], best: Best, breaks: Sequence[EventRow]
) -> dict[str, Any]:
    latest = run.summary["metrics"]
    return {
        "run": run.id,
        "experiment": experiment.id,
        "name": experiment.name,
        "label": run.label,
        "dataset": experiment.config.get("data", {}).get("dataset"),
        "method": run.config.get("weighting"),
        "auxiliary": run.config.get("auxiliary"),
        "seed": experiment.config.get("training", {}).get("seed"),
        "state": run.state.value,
        "epoch": run.summary["epoch"],
        "steps": run.summary["step"] + 1,
        "seconds": seconds_of(run, breaks),
        "created": run.created,
        "tags": run.tags,
        "notes": run.notes,
        "archived": run.archived,
        "headline": headline_of(experiment.config).metric,
        **{
            f"{split}_{name}": best.get((run.id, split, name), latest.get(split, {}).get(name, math.nan))
            for split in ("validation", "test")
            for name in metrics
        },
    }
