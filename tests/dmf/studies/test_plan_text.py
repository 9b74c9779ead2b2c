"""Plans as they are typed in a form."""

import pytest

from dmf.errors import ConfigError
from dmf.studies import PLANS, Budget, PlanText, StudyPlan, cells, read_typed, typed


@pytest.mark.parametrize("name", PLANS)
def test_what_is_typed_of_a_plan_reads_back_as_the_same_cells(name):
    plan = PLANS[name]
    read = read_typed(typed(plan))
    assert cells(read) == cells(plan)
    assert (read.name, read.about, read.reference, read.repeats) == (
        plan.name,
        plan.about,
        plan.reference,
        plan.repeats,
    )


def test_every_part_of_a_plan_can_be_typed():
    plan = read_typed(
        PlanText(
            name=" own ",
            mode="notebook",
            datasets=("phantom", "busi, duplicates=group, root=/data/BUSI"),
            repeats=3,
            first_seed=5,
            base="epochs=2\n\n image-size = 32 ",
            axes="weighting=cov,decay=0.8; mad\nhistory_max=50, 100",
            configurations="weighting=fixed, auxiliary=none",
            reference="fixed/none",
            hours=1.5,
        )
    )
    assert (plan.name, plan.mode, plan.repeats, plan.first_seed, plan.reference) == (
        "own",
        "notebook",
        3,
        5,
        "fixed/none",
    )
    assert plan.datasets[1] == {"dataset": "busi", "duplicates": "group", "root": "/data/BUSI"}
    assert plan.base == {"epochs": "2", "image_size": "32"}
    assert [(axis.field, axis.values) for axis in plan.axes] == [
        ("weighting", ("cov,decay=0.8", "mad")),
        ("history_max", ("50", "100")),
    ]
    assert plan.configurations == ({"weighting": "fixed", "auxiliary": "none"},)
    assert plan.budget == Budget(hours=1.5)
    assert cells(read_typed(typed(plan))) == cells(plan)


def test_a_single_value_with_a_comma_stays_one():
    plan = StudyPlan(name="one", configurations=({"weighting": "cov,decay=0.8"},))
    assert read_typed(typed(plan)).configurations == plan.configurations


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"base": "epochs"}, "base", "Expected field=value, got 'epochs'"),
        ({"axes": "=1, 2"}, "axes", "Expected field=value, got '=1, 2'"),
        ({"axes": "weighting="}, "axes", "expected at least 1"),
        ({"configurations": "mad"}, "configurations", "Expected field=value, got 'mad'"),
        ({"datasets": ("busi, group",)}, "datasets", "Expected field=value, got 'group'"),
        ({"datasets": ()}, "datasets", "expected at least 1"),
        ({"name": " "}, "name", "at least 1"),
        ({"reference": "mad"}, "reference", "is none of the configurations"),
    ],
)
def test_what_cannot_be_is_told_with_its_field(changes, field, message):
    with pytest.raises(ConfigError, match=message) as told:
        read_typed(PlanText(**{"name": "x", "axes": "weighting=fixed", **changes}))
    assert told.value.field == field
