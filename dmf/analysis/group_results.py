"""What came out of groups of runs: their metrics, and what may be concluded from them on the test images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dmf.analysis.best import headline_of
from dmf.analysis.comparison import Comparison, Over, compare
from dmf.analysis.differences import FlatConfig, flat_config
from dmf.analysis.pairing import ScoredRun
from dmf.analysis.summary import summary_table
from dmf.metric_info import told_metrics
from dmf.runs import ExperimentRow, RunRow, RunStore
from dmf.tasks import TASKS, find_task, known_metric, task_named


@dataclass(frozen=True)
class Results:
    """What came out, per group of runs.

    Attributes:
        summary: Mean and spread of every metric, see :func:`dmf.analysis.summary.summary_table`.
        comparisons: Metric to what may be concluded from it; only metrics that can be tested.
    """

    summary: pd.DataFrame
    comparisons: dict[str, Comparison]


def group_results(
    store: RunStore,
    runs: Sequence[tuple[RunRow, ExperimentRow]],
    members: Mapping[str, Sequence[str]],
    baseline: str,
    over: Over = "seeds",
) -> Results:
    """Metrics of groups of runs, and how they compare with one of them.

    Args:
        store: Where they were recorded.
        runs: All runs of the groups, each with its experiment.
        members: Name of each group to ids of its runs.
        baseline: Name of the group that the others are held against.
        over: Where there are several seeds: a paired t-test over ``seeds``, or a ``bootstrap`` over seeds and images.
    """
    metrics = store.epoch_metrics([run.id for run, _ in runs])
    headlines = {run.id: headline_of(experiment.config) for run, experiment in runs}
    summary = summary_table(metrics, members, baseline, headlines=headlines)
    tasks = list(dict.fromkeys(experiment.task for _, experiment in runs)) or None
    own_metrics = told_metrics(experiment.config for _, experiment in runs)
    configs = {run.id: flat_config(experiment.config, run.config) for run, experiment in runs}
    tested = metrics[metrics["split"] == "test"]
    by_case = {run.id: _by_case(store, run.id, configs[run.id], experiment) for run, experiment in runs}
    of_cases = dict.fromkeys(task_named(experiment.task).case_mean for _, experiment in runs)
    of_cases |= dict.fromkeys(metric for scores in by_case.values() for metric in scores)
    comparisons = {}
    for metric in dict.fromkeys([*of_cases, *summary["metric"]]):
        if metric in of_cases:
            lacking = {run.id: _lacking(metric, experiment) for run, experiment in runs}
            nothing = {id: ScoredRun(id, config, (), np.empty(0), lacking[id]) for id, config in configs.items()}
            scored = {id: by_case[id].get(metric, none) for id, none in nothing.items()}
        else:
            values = tested[tested["metric"] == metric].set_index("run")["value"].to_dict()
            scored = {id: _pooled(id, config, values.get(id)) for id, config in configs.items()}
        about = known_metric(metric, own_metrics, tasks)
        compared = compare(
            {name: [scored[id] for id in ids] for name, ids in members.items()},
            baseline,
            metric=about.title,
            higher_is_better=None if about.better is None else about.better == "higher",
            over=over,
        )
        # A score of the whole split is one number per run: only over seeds is there anything to test.
        if metric in of_cases or compared.test in ("paired t", "bootstrap"):
            comparisons[metric] = compared
    return Results(summary, comparisons)


def _lacking(metric: str, experiment: ExperimentRow) -> str:
    """What the task of an experiment is called, if it is not the one whose metric this is; else empty."""
    task = task_named(experiment.task)
    if metric in task.metrics or not any(metric in find_task(name).metrics for name in TASKS):
        return ""
    return task.title


def _by_case(store: RunStore, id: str, config: FlatConfig, experiment: ExperimentRow) -> dict[str, ScoredRun]:
    """What a run scored on each test image, by the metric that is its mean."""
    recorded = store.case_scores(id, "test")
    if not recorded:
        return {}
    scores = task_named(experiment.task).scores_of_cases(recorded[-1], config)
    return {metric: ScoredRun(id, config, recorded[-1].cases, values) for metric, values in scores.items()}


def _pooled(id: str, config: FlatConfig, value: float | None) -> ScoredRun:
    if value is None:
        return ScoredRun(id, config, (), np.empty(0))
    return ScoredRun(id, config, ("all test images",), np.array([value]))
