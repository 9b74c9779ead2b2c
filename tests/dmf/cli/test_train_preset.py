"""``dmf train --preset``: a race ready to start, adjusted on the command line."""

import pytest

from dmf.presets import PRESETS


def test_a_preset_sets_runs_settings_and_name(dmf, tiny_options, store):
    document = dmf("train", "--preset", "counts", *tiny_options, "--epochs", 1, "--json").json()
    assert [run["label"] for run in document["runs"]] == ["variance loss_counts=soft", "variance loss_counts=hard"]
    assert store.experiment(document["experiment"]).name == PRESETS["counts"].title


def test_settings_given_win_over_those_of_the_preset(dmf, tiny_options, store):
    options = [*tiny_options, "--epochs", 1, "--gamma", 2, "--name", "mine", "--json"]
    document = dmf("train", "--preset", "notebook", *options).json()
    experiment = store.experiment(document["experiment"])
    assert experiment.name == "mine"
    assert {run.config["gamma"] for run in experiment.runs} == {2.0}
    assert {run.config["median"] for run in experiment.runs} == {"notebook"}


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (["--weighting", "mad"], ["mad"]),
        (["--run", "fixed,weights=1:0:0"], ["fixed weights=1:0:0"]),
        (["--weighting", "mad", "--run", "fixed"], ["mad", "fixed"]),
    ],
)
def test_runs_given_replace_those_of_the_preset(dmf, tiny_options, options, labels):
    document = dmf("train", "--preset", "figure-4", *options, *tiny_options, "--epochs", 1, "--json").json()
    assert [run["label"] for run in document["runs"]] == labels


def test_an_unknown_preset_is_refused_with_what_there_is(dmf):
    result = dmf("train", "--preset", "count")
    assert result.status != 0
    assert f"Unknown preset 'count'. Choose one of: {', '.join(PRESETS)}. Did you mean 'counts'?" in result.err
