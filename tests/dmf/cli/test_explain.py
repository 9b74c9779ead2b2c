import json
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from dmf.cli.explain import _table
from dmf.config import FusionConfig
from dmf.jobs import Job, create_experiment
from dmf.records import SettingChange
from dmf.replay import explain, recorded_losses, replay

LOSSES = np.random.default_rng(0).uniform(0.1, 1.0, (40, 3))
LOSSES[17, 1] = np.nan


@pytest.fixture
def losses(tmp_path):
    file = tmp_path / "losses.csv"
    file.write_text("ce,iou,dice\n" + "".join(",".join(map(repr, row)) + "\n" for row in LOSSES.tolist()))
    return file


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (["--weighting", "mad", "--history-max", "12"], {"weighting": "mad", "history_max": 12}),
        (["--weighting", "cov", "--cov-mean", "decay", "--cov-decay", "0.8"],
         {"weighting": "cov", "cov_mean": "decay", "cov_decay": 0.8}),
        (["--weighting", "bayesian", "--smoothing", "0.5", "--max-change", "0.1", "--base-weights", "1:2:3"],
         {"weighting": "bayesian", "smoothing": 0.5, "max_change": 0.1, "base_weights": (1, 2, 3)}),
        ([], {}),
    ],
)  # fmt: skip
def test_an_explanation_as_json_is_that_of_the_library_in_every_digit(dmf, losses, options, settings):
    result = dmf("explain", losses, *options, "--step", 30, "--json")
    assert (result.status, result.err) == (0, "")
    config = FusionConfig.model_validate(settings)
    assert result.json() == explain(LOSSES, config, 30).to_dict()
    assert result.json()["weights"] == replay(LOSSES, config)[30].tolist()


def test_what_is_not_finite_is_null_in_json(dmf, losses):
    document = dmf("explain", losses, "--step", 17, "--json").json()
    assert document["losses"] == [LOSSES[17, 0], None, LOSSES[17, 2]]
    assert document["note"] == "Nothing was learned: iou was not finite. All stays as it was."


def test_people_see_every_stage_with_its_formula_and_its_numbers(dmf, losses):
    result = dmf("explain", losses, "--weighting", "bayesian", "--history-max", 20, "--step", 30)
    assert (result.status, result.err) == (0, "")
    explained = explain(LOSSES, FusionConfig(weighting="bayesian", history_max=20), 30)
    for stage in explained.stages:
        assert stage.title in result.out
    assert "m = median of |h − median h|" in result.out
    assert f"{explained.weights[0]:.5g}" in result.out
    assert "Step 30 of 0 to 39: bayesian" in result.out
    assert "Influence of this step's own losses" in result.out
    assert all(sentence in " ".join(result.out.split()) for sentence in explained.sentences)
    assert len(explained.sentences) == 3


def test_the_table_says_which_losses_leave_the_window_next(dmf, losses):
    told = dmf("explain", losses, "--weighting", "mad", "--history-max", 10, "--step", 30).out
    assert "Window: 10, of steps 21 to 30" in told
    assert "step 21 leaves in 1 step " in told
    assert "step 23 leaves in 3 steps" in told
    assert "step 24 leaves" not in told
    assert "leaves in" not in dmf("explain", losses, "--weighting", "mad", "--step", 30).out  # 30 of 100


@pytest.mark.parametrize("count", [1, 3, 6])
@pytest.mark.parametrize("weighting", ["bayesian", "cov", "softadapt", "dwa", "geometric", "tchebycheff"])
def test_the_table_fits_into_80_columns_with_every_number_whole(count, weighting):
    names = ("ce", "iou", "dice", "focal", "tversky", "cb-dice")[:count]
    losses = -1e-5 * np.random.default_rng(1).uniform(1.1, 9.9, (50, count))
    explained = explain(losses, FusionConfig(terms=names, weighting=weighting, smoothing=0.5), 45)
    text = StringIO()
    Console(width=80, file=text).print(_table(explained))
    assert max(map(len, text.getvalue().splitlines())) <= 80
    numbers = [stage.values for stage in explained.stages if not stage.is_window] + [explained.influence]
    for value in np.concatenate(numbers):
        assert (f"{value:.5g}" if count <= 3 else f"{value:.3g}") in text.getvalue().split()


def test_a_recorded_run_is_explained_with_the_changes_made_while_it_trained(dmf, store, tiny):
    experiment = create_experiment(store, tiny("mad", epochs="3"), {"mad": [SettingChange(5, "weighting", "bayesian")]})
    Job(store, experiment, "me").train()
    run = store.run(experiment.runs[0].id)
    values = recorded_losses(store, run.id)[1]
    config = FusionConfig.model_validate(run.config)
    with_changes = explain(values, config, 8, [SettingChange(5, "weighting", "bayesian")])
    assert dmf("explain", run.id, "--step", 8, "--json").json() == with_changes.to_dict()
    assert "bayesian, in force since step 5" in dmf("explain", run.id, "--step", 8).out
    assert dmf("explain", run.id, "--step", 8, "--weighting", "mad", "--json").json() == json.loads(
        json.dumps(explain(values, config, 8).to_dict())
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["losses.csv", "--step", "40"], "has no step 40; its steps are 0 to 39"),
        (["losses.csv", "--step", "-1"], "has no step -1; its steps are 0 to 39"),
        (["losses.csv", "--step", "last"], "Invalid value for '--step'"),
        (["losses.csv"], "Missing option '--step'"),
        (["losses.csv", "--step", "3", "--weighting", "madd"], "Unknown weighting 'madd'"),
        (["losses.csv", "--step", "3", "--weighting", "gradnorm"], "needs more than loss values"),
        (["none.csv", "--step", "3"], "No file none.csv"),
        (["r-none", "--step", "3"], "No run 'r-none'"),
    ],
)
def test_what_cannot_be_explained_is_said_in_one_line(dmf, losses, monkeypatch, arguments, words):
    monkeypatch.chdir(losses.parent)
    result = dmf("explain", *arguments)
    assert (result.status, result.out) == (2, "")
    assert words in result.err
    assert len(result.err.strip().splitlines()) == 1, result.err
