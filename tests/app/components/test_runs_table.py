"""The rows of a race as a person sets them: the same as ``dmf train --run``, and nothing left behind."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.components import rows
from app.components.fields import in_short
from dmf import declared
from dmf.config import ExperimentConfig, FusionConfig
from dmf.config_text import experiment, names_of
from dmf.weighting import WEIGHTINGS

MAIN = Path(__file__).parents[3] / "app" / "main.py"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{tmp_path / 'runs.sqlite'}")


@pytest.fixture
def test() -> AppTest:
    """The Train page of a first visit."""
    test = AppTest.from_file(MAIN, default_timeout=300)
    test.switch_page("pages/train.py").run()
    assert not test.exception
    return test


def started(test: AppTest) -> ExperimentConfig:
    """What Start would train."""
    from app import access

    configs: list[ExperimentConfig] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "start", lambda config: configs.append(config) or "e-1")
        test.button(key="start-training").click().run()
    (config,) = configs
    return config


def methods(test: AppTest) -> dict[str, str]:
    """Label of each row's method to the method."""
    found = (box for box in test.sidebar.selectbox if box.label.startswith("Weighting method of run"))
    return {box.label.removeprefix("Weighting method of run "): box.value for box in found}


def said(test: AppTest, row: int) -> str:
    return " ".join(element.value for element in test.container(key=f"run-{row}").get("html"))


def keys_of_row(test: AppTest, row: int) -> list[str]:
    return [key for key in test.session_state if key.startswith(f"form-run-{row}-")]


def edit(test: AppTest, row: int, *settings: str) -> None:
    """Open the editor of a row and choose what it overrides."""
    test.session_state[f"form-run-{row}-edit"] = True
    test.run()
    test.multiselect(key=f"form-run-{row}-settings").set_value(list(settings)).run()


def write(test: AppTest, text: str) -> AppTest:
    """Use a text, one run per line, instead of the rows."""
    test.session_state["runs-text-open"] = True
    test.run()
    test.text_area(key="runs-text").set_value(text)
    return test.button(key="runs-text-use").click().run()


def test_a_first_visit_races_the_methods_of_the_paper(test: AppTest) -> None:
    assert methods(test) == {"1": "variance", "2": "mad", "3": "bayesian"}


def test_every_setting_of_fusion_can_be_overridden_those_the_issue_names_first() -> None:
    assert {*rows.FIRST} <= {*names_of(FusionConfig)} - {"weighting"}
    assert len(set(rows.FIRST)) == len(rows.FIRST)
    assert rows.FIRST[:3] == ("auxiliary", "gamma", "decay_rate")


def test_a_row_starts_from_the_common_setting_and_inherits_again(test: AppTest) -> None:
    test.number_input(key="form-gamma").set_value(3.0).run()
    edit(test, 3, "gamma", "prior")
    assert test.number_input(key="form-run-3-gamma").value == 3.0
    test.number_input(key="form-run-3-gamma").set_value(5.0)
    test.selectbox(key="form-run-3-prior").set_value("compound").run()
    assert "γ₀ 5 · prior compound" in said(test, 3)
    config = started(test)
    assert [run.label for run in config.runs] == ["variance", "mad", "bayesian gamma=5 prior=compound"]
    assert [run.fusion.gamma for run in config.runs] == [3.0, 3.0, 5.0]
    edit(test, 3, "prior")
    assert "form-run-3-gamma" not in test.session_state
    edit(test, 3, "prior", "gamma")
    assert test.number_input(key="form-run-3-gamma").value == 3.0


def test_rows_are_the_runs_of_the_command_line(test: AppTest) -> None:
    runs = ["bayesian,prior=compound,gamma=5", "fixed,weights=1:0:0,auxiliary=none", "mad,symlog=false,terms=ce:dice"]
    assert not write(test, "\n".join(runs)).exception
    config = started(test)
    assert config.runs == experiment({}, runs=runs).runs
    assert test.session_state["form-run-5-weights"] == "1:0:0"
    assert "weights 1:0:0 · auxiliary None" in said(test, 5)
    assert "symlog off · loss terms Cross-entropy, Dice" in said(test, 6)


def counts(about: declared.Word | None, *methods: str) -> bool:
    """Whether an option is one of all runs, of these methods, or of one of the losses of the test below."""
    return about is None or not {*methods, "tversky", "focal"}.isdisjoint(about.methods)


def test_every_setting_survives_the_way_from_text_to_row_and_back(test: AppTest, another_value: Any) -> None:
    values = {
        **{"auxiliary": "none", "gamma": "5", "decay_rate": "0.25", "prior": "compound", "history_min": "12"},
        **{"history_max": "30", "weights": "1:0", "loss_counts": "hard", "median": "notebook"},
        **{"detach_weights": "false", "floor": "0.001", "cb_weights": "inverse", "cb_ratios": "batch"},
        **{"minmax": "false", "symlog": "false", "rho": "0.3", "terms": "tversky:focal", "schedule": "linear"},
        **{
            "decay_every": "7",
            "drop_factor": "0.1",
            "drop_periods": "3",
            "prior_weights": "1:2.5",
            "weight_min": "0.1",
            "weight_max": "1.5",
        },
        **{"smoothing": "0.5", "sum_to": "K", "eps": "1e-05", "smooth": "1e-05", "fp_weight": "0.6"},
        **{"fn_weight": "0.4", "focal_gamma": "1", "focal_alpha": "0.5", "focal_of": "pixels"},
        **{"cov_mean": "decay", "cov_decay": "0.5", "cov_variance": "reference"},
        **{"softadapt_variant": "both", "beta": "-0.5", "window": "7", "slope": "least-squares"},
        **{"temperature": "0.5", "block_steps": "9", "weight_seed": "3", "mu": "0.05", "ideal": "0.25:0"},
        **{"max_change": "0.125", "base_weights": "2:0.5", "famo_lr": "0.5", "famo_decay": "0", "lower_bounds": "-1:0"},
        **{"weights_lr": "0.25", "uncertainty_form": "classification", "uncertainty_start": "-0.5"},
        **{"rare": "1:3", "gradnorm_alpha": "0.12", "gradnorm_lr": "0.1", "gradient_of": "logits"},
    }
    others = {*names_of(FusionConfig)} - {"weighting", "spare", *values}
    assert values.keys() <= {*names_of(FusionConfig)}
    values |= {name: in_short(another_value(FusionConfig, name)) for name in sorted(others)}
    words = declared.words()
    named = ("bayesian", "cov", "softadapt", "dwa", "tchebycheff", "famo", "uncertainty", "gradnorm", "pcgrad")
    runs = []
    for method in named:
        schedule = "step" if method == "pcgrad" else "linear"
        own = values | {"schedule": schedule}
        texts = (f"{name}={value}" for name, value in own.items() if counts(words.get(name), method, schedule))
        runs.append(",".join([method, *texts]))
    assert not write(test, "\n".join(runs)).exception
    test.session_state["runs-text-open"] = True
    test.run()
    assert test.text_area(key="runs-text").value == "\n".join(runs)
    assert started(test).runs == experiment({}, runs=runs).runs


def test_a_row_added_is_the_first_method_that_does_not_race_yet(test: AppTest) -> None:
    others = ["fixed", *(name for name in WEIGHTINGS if name not in ("fixed", "variance", "mad", "bayesian"))]
    for _ in others:
        test.button(key="add-run").click().run()
    assert list(methods(test).values())[3:] == others
    test.button(key="add-run").click().run()
    assert "The same as run 4; change or remove one of them." in said(test, 4 + len(others))
    assert test.button(key="start-training").disabled


def test_a_duplicate_stands_below_its_row_and_waits_to_be_changed(test: AppTest) -> None:
    edit(test, 1, "auxiliary")
    test.selectbox(key="form-run-1-auxiliary").set_value("none").run()
    test.button(key="form-run-1-duplicate").click().run()
    assert list(methods(test).values()) == ["variance", "variance", "mad", "bayesian"]
    assert "The same as run 1; change or remove one of them." in said(test, 4)
    assert test.session_state["form-run-4-edit"]  # open
    test.selectbox(key="form-run-4-auxiliary").set_value("focal").run()
    assert [run.label for run in started(test).runs[:2]] == ["variance auxiliary=none", "variance auxiliary=focal"]


def test_a_removed_row_leaves_nothing_behind_and_its_id_never_returns(test: AppTest) -> None:
    edit(test, 2, "gamma")
    assert keys_of_row(test, 2)
    test.button(key="form-run-2-remove").click().run()
    assert methods(test) == {"1": "variance", "2": "bayesian"}
    assert keys_of_row(test, 2) == []
    test.button(key="add-run").click().run()
    assert keys_of_row(test, 2) == []
    assert keys_of_row(test, 4)


def test_the_last_row_cannot_be_removed(test: AppTest) -> None:
    for row in (1, 2):
        test.button(key=f"form-run-{row}-remove").click().run()
    assert test.button(key="form-run-3-remove").disabled
    assert [run.label for run in started(test).runs] == ["bayesian"]


def test_a_row_that_trains_as_another_is_told_but_may_race(test: AppTest) -> None:
    write(test, "mad\nmad,gamma=1")
    assert "Trains just as run 1 does." in said(test, 5)
    assert not test.button(key="start-training").disabled


def test_there_are_at_most_64_rows(test: AppTest) -> None:
    write(test, "\n".join(f"mad,gamma={number}" for number in range(64)))
    assert len(methods(test)) == 64
    assert test.button(key="add-run").disabled
    assert test.button(key="form-run-4-duplicate").disabled
    assert test.button(key="form-run-4-remove").disabled is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "madd",
            "Line 1: Unknown weighting 'madd'. Choose one of: fixed, variance, mad, bayesian,",
        ),
        ("mad\nmad,gama=1", "Line 2: Unknown field of a run 'gama'"),
        ("mad,auxiliary=cbdice", "Unknown auxiliary loss 'cbdice'"),
        ("mad,terms=ce:jaccard", "Unknown loss 'jaccard'"),
        ("mad,gamma", "Expected key=value"),
        ("mad,gamma=-1", "gamma: input should be greater than or equal to 0"),
        ("\n", "Write 1 to 64 runs, one per line; got 0."),
        ("\n".join(["mad"] * 65), "Write 1 to 64 runs, one per line; got 65."),
    ],
)
def test_a_text_that_cannot_become_rows_is_refused_beside_it_and_changes_nothing(
    test: AppTest, text: str, words: str
) -> None:
    write(test, text)
    assert not test.exception
    assert methods(test) == {"1": "variance", "2": "mad", "3": "bayesian"}
    assert any(words.replace("'", "&#x27;") in shown.value for shown in test.sidebar.get("html"))
    assert test.session_state["runs-text"] == text  # nothing is lost


def test_an_emptied_setting_of_a_row_is_told(test: AppTest) -> None:
    edit(test, 1, "terms")
    test.multiselect(key="form-run-1-terms").set_value([]).run()
    assert "Loss terms: a value is missing." in said(test, 1)


def test_rows_outlive_a_look_at_another_page(test: AppTest) -> None:
    write(test, "bayesian,prior=compound\nmad")
    test.switch_page("pages/home.py").run()
    test.switch_page("pages/train.py").run()
    assert [run.label for run in started(test).runs] == ["bayesian prior=compound", "mad"]
