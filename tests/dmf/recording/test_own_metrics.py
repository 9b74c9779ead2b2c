"""Metrics of a loop of someone's own: which values are better is told, and the best is the same everywhere."""

import math

import pytest

from dmf.analysis.best import Headline, headline_of
from dmf.analysis.listing import run_table
from dmf.analysis.overview import overview
from dmf.analysis.results import experiment_document
from dmf.analysis.summary import summary_table
from dmf.errors import ConfigError
from dmf.recording import record


def test_a_metric_of_ones_own_decides_the_same_best_everywhere(store, fused):
    maes = {"first": [math.nan, 3.0, 1.0, 1.0, 2.0], "second": [4.0, 0.5, 0.75, math.inf, math.nan]}
    told, experiment = {"depth": "lower", "psnr": ("higher", 0, None)}, "mine"
    for name, values in maes.items():
        with record(name, experiment=experiment, store=store, metrics=told) as run:
            run.write(fused())
            for epoch, value in enumerate(values, start=1):
                scores = {"depth": value, "psnr": 10.0 + epoch, "cb_dice": epoch / 10}
                run.metrics(epoch, "validation", scores)
        experiment = run.experiment
    (experiment,) = store.experiments()
    assert experiment.config["metrics"] == {
        "depth": {"better": "lower", "low": None, "high": None},
        "psnr": {"better": "higher", "low": 0.0, "high": None},
    }
    (summary,) = overview(store)
    assert [(run.best_epoch, run.best) for run in summary.runs] == [(3, 1.0), (2, 0.5)]
    assert summary.winner.label == "second"
    table = run_table(store, ("depth", "psnr")).set_index("label")
    assert table["headline"].tolist() == ["depth", "depth"]
    assert table["validation_depth"].to_dict() == {"first": 1.0, "second": 0.5}
    assert table["validation_psnr"].to_dict() == {"first": 13.0, "second": 12.0}  # at the best epoch by depth
    document = experiment_document(store, experiment.id)["runs"]
    assert [(run["epoch"], run["validation"]["depth"]) for run in document] == [(3, 1.0), (2, 0.5)]
    ids = {run.label: [run.id] for run in experiment.runs}
    headlines = {run.id: headline_of(experiment.config) for run in experiment.runs}
    metrics = store.epoch_metrics([run.id for run in experiment.runs])
    found = summary_table(metrics, ids, "first", split="validation", headlines=headlines)
    assert found[found["metric"] == "depth"].set_index("group")["mean"].to_dict() == {"first": 1.0, "second": 0.5}


def test_runs_of_an_experiment_and_a_resumed_run_are_told_of_alike(store, fused):
    with record("mine", store=store, metrics={"depth": "lower"}) as run:
        run.write(fused())
    for other in ({}, {"metrics": {"depth": "higher"}}, {"metrics": {"depth": "lower", "width": "lower"}}):
        with (
            pytest.raises(ConfigError, match="may differ in their losses and weights alone"),
            record("other", store=store, experiment=run.experiment, **other) as another,
        ):
            another.write(fused())
    with record("mine", store=store, resume=run.id) as resumed:  # what was told of it stays
        resumed.write(fused())
    assert headline_of(store.experiment(run.experiment).config) == Headline("depth", lower_is_better=True)
    with (
        pytest.raises(ConfigError, match="depth"),
        record("mine", store=store, resume=run.id, metrics={"depth": "higher"}) as resumed,
    ):
        resumed.write(fused())


@pytest.mark.parametrize(
    "about",
    [
        "min",
        None,
        3,
        ("lower",),
        ("lower", 0),
        ("lower", 1, 0),
        ("lower", 1, 1),
        ("lower", math.nan, None),
        ("up", 0, 1),
    ],
)
def test_what_cannot_be_told_of_a_metric_is_refused_with_what_can(about):
    with pytest.raises(
        ConfigError, match=r'`metrics` says .*\{"mae": "lower", "psnr": \("higher", 0, None\)\}, got'
    ) as told:
        record("mine", metrics={"depth": about})
    assert told.value.field == "metrics"


def test_a_metric_called_as_one_of_ours_has_our_direction():
    with pytest.raises(ConfigError, match="'lesion_dice' is a metric of this program"):
        record("mine", metrics={"lesion_dice": "lower"})
    record("mine", metrics={"lesion_dice": "higher"})
