"""A weighting, a loss, a dataset and a task from one file of someone's own are in every command."""

import json

import pytest

from dmf.config import ExperimentConfig
from dmf.recipes import as_command
from dmf.runs import RunStore

TRAIN = [
    *("--task", "invert", "--image-size", "16", "--filters", "2", "--epochs", "1", "--batch-size", "2"),
    *("--threads", "1", "--device", "cpu", "--terms", "absolute;power,exponent=3"),
    *("--run", "pull,strength=2,rounds=1", "--run", "cov"),
]


@pytest.fixture
def trained(dmf, home, whole_plugin):
    """The document of a race of the task."""
    outcome = dmf("train", "--plugin", whole_plugin, *TRAIN, "--json")
    assert outcome.status == 0, outcome.err
    return json.loads(outcome.out)


def test_it_is_trained_with_its_options_listed_and_replayed(dmf, trained, whole_plugin, tmp_path):
    store = RunStore()
    experiment = store.experiment(trained["experiment"])
    config = ExperimentConfig.model_validate(experiment.config)
    fusion = config.runs[0].fusion
    assert (fusion.strength, fusion.rounds, fusion.exponent) == (2, 1, 3)
    listed = dmf("runs")
    assert "pull" in listed.out
    weights = tmp_path / "weights.csv"
    run = experiment.runs[1].id
    replayed = dmf("replay", run, "--plugin", whole_plugin, "--weighting", "pull,strength=4,rounds=1", "-o", weights)
    assert replayed.status == 0, replayed.err
    header, first, *_ = weights.read_text().splitlines()
    assert header == "absolute,power"
    share = [float(value) for value in first.split(",")]
    assert share[0] == pytest.approx(4 * share[1])  # weights 4 and 1, whatever they sum to
    explained = dmf(
        "explain", experiment.runs[1].id, "--plugin", whole_plugin, "--step", 2, "--weighting", "pull,strength=4"
    )
    assert explained.status == 0, explained.err


def test_a_copied_command_trains_the_same(dmf, trained, whole_plugin):
    config = ExperimentConfig.model_validate(RunStore().experiment(trained["experiment"]).config)
    command = as_command(config)
    for words in ("--task invert", "exponent=3", "pull,", "strength=2", "rounds=1", "--plugin"):
        assert words in command


def test_it_keeps_what_every_method_promises_and_its_dataset_is_known(dmf, whole_plugin):
    checked = dmf("check-method", whole_plugin)
    assert checked.status == 0, checked.out + checked.err
    for name in ("pull", "power", "invert", "gradients"):
        assert f" {name}: " in checked.err
    data = dmf("data", "list", "--plugin", whole_plugin)
    assert "gradients" in data.err
