"""A task of someone's own, from a plug-in: trained from the command line, kept in the store, shown in tables."""

import json

import cv2
import numpy as np
import pytest

from dmf.analysis.best import headline_of
from dmf.analysis.group_results import group_results
from dmf.analysis.listing import run_table
from dmf.analysis.progress import LiveExperiment
from dmf.errors import ConfigError
from dmf.methods import check_method
from dmf.plugins import load_plugin
from dmf.records import RunState
from dmf.runs import RunStore

OPTIONS = [
    *("--task", "invert", "--image-size", "16", "--filters", "2", "--epochs", "2", "--batch-size", "2"),
    *("--threads", "1", "--device", "cpu", "--history-min", "2", "--history-max", "4", "--lr", "0.01"),
]


@pytest.fixture
def trained(dmf, plugin, home, invert):
    """The document of a race of the task, and the store that it is in."""
    outcome = dmf("train", "--plugin", plugin(invert), *OPTIONS, "--weighting", "cov", "--weighting", "fixed", "--json")
    assert outcome.status == 0, outcome.err
    return json.loads(outcome.out), RunStore()


def test_a_task_of_ones_own_is_trained_and_judged_by_its_own_metrics(trained):
    document, store = trained
    experiment = store.experiment(document["experiment"])
    assert (experiment.task, {run.task for run in experiment.runs}) == ("invert", {"invert"})
    assert [run.state for run in experiment.runs] == [RunState.FINISHED] * 2
    assert experiment.config["data"]["dataset"] == "gradients"
    for run in document["runs"]:
        assert run["auxiliary"] == "none"
        assert run["test"].keys() == {"distance"}
        # The untrained network is farther from the truth than the trained one.
        first = store.epoch_metrics([run["id"]], metrics=["distance"], split="validation").set_index("epoch")["value"]
        assert run["validation"]["distance"] < first[0]


def test_what_each_case_scored_is_stored_by_name(trained):
    document, store = trained
    run = document["runs"][0]
    (scores,) = store.case_scores(run["id"], "test")
    assert scores.counts is None
    assert scores.scores.keys() == {"distance"}
    assert scores.scores["distance"].mean() == pytest.approx(run["test"]["distance"])
    assert {store_file.kind for store_file in store.artifacts(run["id"])} == {"checkpoint_last", "checkpoint_best"}


def test_lower_is_better_decides_the_best_epoch_everywhere(trained):
    document, store = trained
    experiment = store.experiment(document["experiment"])
    headline = headline_of(experiment.config)
    assert (headline.metric, headline.lower_is_better, headline.title) == ("distance", True, "Distance")
    table = run_table(store).set_index("run")
    for run in experiment.runs:
        values = store.epoch_metrics([run.id], metrics=["distance"], split="validation")
        best = values[values["epoch"] > 0].sort_values("value").iloc[0]
        (kept,) = [file for file in store.artifacts(run.id) if file.kind == "checkpoint_best"]
        assert kept.epoch == best["epoch"]
        assert table.loc[run.id, "validation_distance"] == best["value"]


def test_runs_of_it_are_compared_over_its_cases(trained):
    document, store = trained
    experiment = store.experiment(document["experiment"])
    runs = [(run, experiment) for run in experiment.runs]
    found = group_results(store, runs, {run.label: [run.id] for run in experiment.runs}, "fixed")
    assert list(found.comparisons) == ["distance"]


def test_its_pictures_are_images(trained):
    document, store = trained
    snapshot = LiveExperiment(store, document["experiment"]).refresh()
    assert not snapshot.are_classes
    assert snapshot.score_title == "Distance"
    shown = [row for row in snapshot.samples if row.kind == "prediction"]
    assert all(row.score is not None for row in shown)
    (truth,) = [row for row in snapshot.samples if row.kind == "truth" and row.case == shown[0].case]
    pixels = cv2.imdecode(np.frombuffer(store.sample_png(truth.id), np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels.max() > 250  # 1000 is white, and the brightest pixel is close to it


def test_a_dataset_of_classes_is_refused_for_it(dmf, plugin, invert):
    outcome = dmf("train", "--plugin", plugin(invert), *OPTIONS, "--dataset", "phantom", "--weighting", "fixed")
    assert outcome.status == 2
    assert "Dataset 'phantom' has no image to be made, which task 'invert' needs" in " ".join(outcome.err.split())
    assert "gradients" in outcome.err


def test_a_loss_of_another_task_is_refused_for_segmentation(dmf, plugin, invert):
    outcome = dmf("train", "--plugin", plugin(invert), "--terms", "absolute", "--weighting", "fixed")
    assert outcome.status == 2
    assert "Unknown loss 'absolute'" in outcome.err


def test_it_keeps_what_every_task_promises(plugin, invert):
    load_plugin(plugin(invert))
    for name in ("invert", "segmentation"):
        assert {finding.result for finding in check_method("TASKS", name)} == {"pass"}


def test_a_task_that_says_too_little_is_refused(plugin, invert):
    with pytest.raises(ConfigError, match=r"task 'invert' must say more about itself: give the class headline"):
        load_plugin(plugin(invert.replace('    headline = "distance"\n', "")))
