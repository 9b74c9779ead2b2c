"""What runs are called beside each other."""

from typing import Any

from dmf.naming import Named, names_of, names_of_groups, repeats_of


def named(label: str, experiment: str = "", **changed: Any) -> Named:
    config = {"data.dataset": "phantom", "training.seed": 0, "training.device": "cpu", "fusion.gamma": 1.0}
    fields = {name.replace("__", "."): value for name, value in changed.items()}
    return Named(label, {**config, "fusion.weighting": label.split(" ", maxsplit=1)[0], **fields}, experiment)


def names(*runs: Named) -> list[str]:
    return list(names_of({str(place): run for place, run in enumerate(runs)}).values())


def test_a_run_alone_and_runs_of_one_race_have_their_labels() -> None:
    assert names(named("mad")) == ["mad"]
    assert names(named("mad"), named("mad gamma=5", fusion__gamma=5.0)) == ["mad", "mad gamma=5"]


def test_what_differs_stands_behind_the_label_of_every_run_the_seed_last() -> None:
    assert names(named("mad"), named("mad", training__seed=1), named("cov")) == [
        "mad · seed 0",
        "mad · seed 1",
        "cov · seed 0",
    ]
    assert names(named("mad"), named("cov", training__seed=1)) == ["mad · seed 0", "cov · seed 1"]
    assert names(named("mad"), named("mad", training__seed=1, fusion__gamma=5.0)) == [
        "mad · gamma 1.0 · seed 0",
        "mad · gamma 5.0 · seed 1",
    ]


def test_a_label_that_tells_a_setting_is_not_said_twice() -> None:
    both = named("mad gamma=5", fusion__gamma=5.0), named("mad gamma=5", fusion__gamma=5.0, training__seed=1)
    assert names(*both, named("mad")) == ["mad gamma=5 · seed 0", "mad gamma=5 · seed 1", "mad · seed 0"]


def test_names_given_by_hand_stay() -> None:
    mine = named("the best", training__seed=3, fusion__weighting="mad")
    assert names(mine, named("mad"), named("mad", training__seed=1)) == ["the best", "mad · seed 0", "mad · seed 1"]
    twice = named("the best", training__seed=4, fusion__weighting="mad")
    assert names(mine, twice) == ["the best · seed 3", "the best · seed 4"]
    baseline = named("mad baseline", training__seed=3, fusion__weighting="mad")
    assert names(baseline, named("mad")) == ["mad baseline", "mad"]


def test_settings_of_the_machine_are_said_only_where_they_tell_runs_apart() -> None:
    assert names(named("mad"), named("cov", training__device="cuda")) == ["mad", "cov"]
    assert names(named("mad"), named("mad", training__device="cuda")) == ["mad · device cpu", "mad · device cuda"]


def test_of_many_settings_those_are_said_that_are_needed() -> None:
    other = {"data__dataset": "busi", "training__seed": 1, "fusion__gamma": 5.0, "training__device": "cuda"}
    assert names(named("mad"), named("cov", **other)) == ["mad", "cov"]
    assert names(named("mad"), named("mad", **other)) == ["mad · dataset phantom", "mad · dataset busi"]
    both = named("mad", **other), named("mad", **(other | {"fusion__gamma": 7.0}))
    assert names(named("mad"), *both) == [
        "mad · dataset phantom · gamma 1.0",
        "mad · dataset busi · gamma 5.0",
        "mad · dataset busi · gamma 7.0",
    ]


def test_what_a_run_did_not_record_is_no_difference() -> None:
    bare = Named("mad", {"fusion.weighting": "mad"})
    assert names(bare, named("mad")) == ["mad (1)", "mad (2)"]


def test_runs_of_the_same_settings_are_told_apart_by_their_experiments_else_counted() -> None:
    assert names(named("mad", "Monday"), named("mad", "Tuesday")) == ["mad · Monday", "mad · Tuesday"]
    assert names(named("mad", "Monday"), named("mad", "Monday")) == [
        "mad (1)",
        "mad (2)",
    ]


def test_a_switch_is_not_a_number() -> None:
    assert names(named("mad", fusion__x=True), named("mad", fusion__x=1)) == ["mad · x True", "mad · x 1"]


def test_repeats_differ_in_nothing_but_the_seed() -> None:
    runs = {
        "a": named("mad"),
        "b": named("cov"),
        "c": named("mad", training__seed=1),
        "d": named("cov", training__seed=1, fusion__gamma=5.0),
        "e": Named("mad", {"fusion.weighting": "mad", "training.seed": 2}),
    }
    complete = {id: run for id, run in runs.items() if id != "e"}
    assert repeats_of(complete) == [("a", "c"), ("b",), ("d",)]
    twice = {**complete, "f": named("mad", training__seed=1)}
    assert repeats_of(twice) == [("a",), ("c",), ("f",), ("b",), ("d",)]
    bare = {id: runs[id] for id in ("a", "c")} | {"e": runs["e"]}
    assert repeats_of(bare) == [("a", "c", "e")]


def test_a_group_is_named_as_its_runs_are_but_for_the_seed() -> None:
    runs = {"a": named("mad"), "b": named("mad", training__seed=1), "c": named("mad", fusion__gamma=5.0)}
    assert names_of_groups(runs, repeats_of(runs)) == {"mad · gamma 1.0": ("a", "b"), "mad · gamma 5.0": ("c",)}
