"""Plans as plain data, and the cells they are expanded into."""

import pytest

from dmf.errors import ConfigError
from dmf.studies import PLANS, Axis, StudyPlan, adapted, cells, find_plan, read_plan


def test_the_paper_is_13_configurations_in_10_repeats_of_3_datasets():
    planned = cells(PLANS["paper"])
    assert len(planned) == 30
    assert list(planned)[:4] == ["busi, seed 0", "busc, seed 0", "bus_synthetic, seed 0", "busi, seed 1"]
    for config in planned.values():
        pairs = {(run.fusion.auxiliary, run.fusion.weighting) for run in config.runs}
        dynamic = {(a, w) for a in ("tversky", "focal", "cb-dice", "none") for w in ("variance", "mad", "bayesian")}
        assert pairs == {*dynamic, ("none", "fixed")}
        assert (config.data.filter, config.model.model, config.data.split) == (True, "unet", (0.70, 0.15, 0.15))
    assert [config.training.seed for config in planned.values()] == [seed for seed in range(10) for _ in range(3)]


def test_the_notebook_sets_what_it_computes_otherwise_and_trains_without_filter():
    plan = adapted(PLANS["paper"], mode="notebook")  # whose base has a filter
    config = cells(plan)["busi, seed 0"]
    bayesian = next(run.fusion for run in config.runs if run.label == "bayesian/tversky")
    assert (bayesian.prior, bayesian.median, bayesian.floor, bayesian.loss_counts, bayesian.detach_weights) == (
        *("compound", "notebook", 0.0, "hard"),
        False,
    )
    assert (config.data.filter, config.training.absent) == (False, "zero")


def test_what_is_said_besides_wins_over_a_mode_and_that_over_the_base_of_a_plan():
    plan = StudyPlan(name="x", base={"history_min": 7, "epochs": 9}, configurations=({"weighting": "mad"},))
    (config,) = cells(adapted(plan, mode="notebook", settings=["history-max=60"], epochs=2)).values()
    fusion = config.runs[0].fusion
    assert (fusion.history_min, fusion.history_max, config.training.epochs) == (50, 60, 2)
    assert adapted(plan, mode="paper").base == plan.base


def test_what_is_no_setting_of_losses_makes_cells_of_their_own_under_the_same_seed():
    plan = StudyPlan(
        name="sizes",
        axes=(Axis(field="filters", values=(4, 8)), Axis(field="weighting", values=("mad", "fixed"))),
        repeats=2,
        first_seed=7,
    )
    planned = cells(plan)
    assert list(planned) == [
        *("phantom, filters=4, seed 7", "phantom, filters=8, seed 7"),
        *("phantom, filters=4, seed 8", "phantom, filters=8, seed 8"),
    ]
    config = planned["phantom, filters=8, seed 7"]
    assert (config.model.filters, config.training.seed) == (8, 7)
    assert [run.label for run in config.runs] == ["mad, filters=8", "fixed, filters=8"]


def test_a_configuration_wins_over_a_dataset_and_that_over_the_base():
    plan = StudyPlan(
        name="order",
        base={"lr": 0.1, "batch_size": 2, "gamma": 3.0},
        datasets=({"dataset": "phantom", "lr": 0.2, "batch_size": 4},),
        configurations=({"weighting": "mad", "lr": 0.3},),
    )
    (config,) = cells(plan).values()
    assert (config.training.lr, config.training.batch_size, config.runs[0].fusion.gamma) == (0.3, 4, 3.0)


def test_some_of_the_configurations_can_be_chosen():
    plan = PLANS["paper"].only(["fixed/none", "mad/focal"])
    assert [name for name, _ in plan.named()] == ["mad/focal", "fixed/none"]
    assert plan.reference == "fixed/none"
    assert PLANS["paper"].only(["mad/focal"]).reference == ""
    with pytest.raises(ConfigError, match=r"Unknown configuration 'mad/fokal'.*Did you mean 'mad/focal'"):
        PLANS["paper"].only(["mad/fokal"])


FILE = """
about = "Two rules"
repeats = 3
datasets = ["phantom"]
reference = "fixed"

[base]
epochs = 2
weights = "1:1:2"

[[axes]]
field = "weighting"
values = ["mad", "fixed"]

[budget]
hours = 1.5
"""


@pytest.mark.parametrize("terms", ["ce,dice", "ce:dice"])
def test_a_list_of_a_configuration_is_written_as_on_the_command_line_or_in_a_run(terms):
    (config,) = cells(StudyPlan(name="lists", configurations=({"terms": terms}, {"terms": "iou"}))).values()
    assert [run.fusion.term_names for run in config.runs] == [("ce", "dice"), ("iou",)]


def test_a_plan_is_read_from_a_file_which_names_it(tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text(FILE)
    plan = find_plan(str(file))
    assert (plan.name, plan.repeats, plan.budget.hours, plan.reference) == ("rules", 3, 1.5, "fixed")
    config = cells(plan)["phantom, seed 2"]
    assert config.training.epochs == 2
    assert [run.fusion.weights for run in config.runs] == [(1, 1, 2)] * 2
    assert StudyPlan.model_validate(plan.model_dump(mode="json")) == plan


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("repeats = ", "is no TOML"),
        ("", "a study needs an axis or a configuration"),
        ('axes = [{field = "weighting", values = []}]', "expected at least 1"),
        ('axes = [{field = "weighting", values = ["mad", "mad"]}]', "mad is there more than once"),
        ('axes = [{field = "weighting", values = ["mad"]}]\nreference = "fixed"', "'fixed' is none of"),
        ('axes = [{field = "weightingg", values = ["mad"]}]\nreference = "mad"', "Did you mean 'weighting'"),
        ('axes = [{field = "weighting", values = ["mad"]}]\n[base]\nseed = 3', "the seed of each repeat is set by"),
        ('axes = [{field = "weighting", values = ["mad"]}]\ndatasets = ["phantom", "phantom"]', "more than once"),
        ('axes = [{field = "weighting", values = ["mad"]}]\ndatasets = [{root = "x"}]', "each needs its `dataset`"),
        ("speed = 3", "There is no setting 'speed'"),
    ],
)
def test_a_plan_that_cannot_be_says_why(tmp_path, text, message):
    file = tmp_path / "plan.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_plan(file)


def test_an_unknown_setting_or_plan_says_what_there_is():
    plan = StudyPlan(name="x", configurations=({"weighting": "mad"},), base={"epoch": 2})
    with pytest.raises(ConfigError, match=r"Unknown setting 'epoch'.*Did you mean 'epochs'"):
        cells(plan)
    with pytest.raises(ConfigError, match=r"There is no plan 'papre'. Choose one of: paper, methods"):
        find_plan("papre")
    with pytest.raises(ConfigError, match=r"Cannot read the plan none.toml: No such file"):
        find_plan("none.toml")


def test_the_plan_of_synthesis_trains_what_its_preset_does():
    from dmf.presets import PRESETS

    planned, preset = cells(PLANS["synthesis"]), PRESETS["synthesis"].config()
    assert len(planned) == 5
    config = planned["contrast, seed 0"]
    assert (config.task, config.task_options, config.data, config.model) == (
        *(preset.task, preset.task_options, preset.data, preset.model),
    )
    assert config.training == preset.training.model_copy(update={"threads": 1})
    assert {run.fusion for run in preset.runs} <= {run.fusion for run in config.runs}
    assert [run.label for run in config.runs][-2:] == ["fixed, weights=4:1:4", "cov"]
