"""A weighting, a loss, a dataset and a task from one file of someone's own are on every page."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.components.lab.parameters import method_groups
from dmf.config import ExperimentConfig
from dmf.config_text import experiment
from dmf.plugins import load_plugin
from dmf.runs import RunStore

Visit = Callable[..., AppTest]

TEXTS = {
    **{"task": "invert", "dataset": "gradients", "dataset_options": "", "auxiliary": "none", "image_size": "16"},
    **{"filters": "2", "batch_size": "2", "epochs": "1", "threads": "1", "device": "cpu", "lr": "0.01"},
}


@pytest.fixture(autouse=True)
def loaded(store: RunStore, whole_plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMF_PLUGINS", str(whole_plugin))
    load_plugin(whole_plugin)


@pytest.fixture
def trained(store: RunStore) -> str:
    """The id of a trained experiment of the task."""
    from dmf.jobs import Job, create_experiment

    config = experiment(TEXTS | {"terms": "absolute;power,exponent=3"}, runs=("pull,strength=2,rounds=1", "cov"))
    made = create_experiment(store, config)
    Job(store, made, "test").train()
    return made.id


def said(test: AppTest) -> str:
    kinds = ("html", "caption", "markdown", "warning", "info", "title")
    return " ".join(str(element.value) for kind in kinds for element in test.get(kind))


def test_the_form_offers_all_of_it_with_the_options(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    test = visit("train")
    test.selectbox(key="form-task").select("invert").run()
    assert "Inversion" in test.selectbox(key="form-task").options
    assert "gradients" in test.selectbox(key="form-invert-dataset").options
    terms = test.multiselect(key="form-invert-terms")
    assert "Power" in terms.options
    terms.set_value(["absolute", "power"])
    row = next(box for box in test.selectbox if str(box.key).startswith("form-run-") and "Pull" in box.options)
    row.select("pull").run()
    test.number_input(key="form-strength").set_value(4.0)
    test.number_input(key="form-rounds").set_value(2)
    test.number_input(key="form-exponent").set_value(1.5)
    for name, value in {"image_size": 16, "epochs": 1, "batch_size": 2, "filters": 2}.items():
        test.number_input(key=f"form-{name}").set_value(value)
    test.run()
    assert not test.error, [error.value for error in test.error]
    configs: list[ExperimentConfig] = []
    monkeypatch.setattr("app.access.start", lambda config: configs.append(config) or "e-1")
    test.button(key="start-training").click().run()
    (config,) = configs
    first = config.runs[0].fusion
    assert (config.task, config.data.dataset, first.weighting.name) == ("invert", "gradients", "pull")
    assert (first.strength, first.rounds, first.exponent) == (4.0, 2, 1.5)


def test_every_page_shows_what_it_trained(store: RunStore, trained: str, visit: Visit) -> None:
    runs = ",".join(run.id for run in store.experiment(trained).runs)
    for name, query, words in (
        ("home", {}, "Distance"),
        ("train", {"experiment": trained}, "Distance"),
        ("compare", {"runs": runs}, "Distance"),
        ("inspect", {"runs": runs}, "There is nothing to inspect for the task **Inversion**"),
    ):
        test = visit(name, **query)
        assert not test.error, (name, [error.value for error in test.error])
        assert words in said(test), name


def test_the_dataset_is_looked_at(visit: Visit) -> None:
    test = visit("datasets", dataset="gradients")
    assert not test.error, [error.value for error in test.error]
    assert "Grey ramps" in " ".join(option for box in test.selectbox for option in box.options)


def test_the_lab_replays_it_with_a_slider_per_option_and_copies_it_to_the_form(
    store: RunStore, trained: str, visit: Visit
) -> None:
    run = store.experiment(trained).runs[0].id
    test = visit("lab", run=run, methods="pull,strength=3")
    assert not test.error, [error.value for error in test.error]
    assert "Pull" in " ".join(option for box in test.selectbox for option in box.options)
    from app import access

    config = access.method_config(access.run_history(run), "pull,strength=3")
    controls = [control for group in method_groups(config, ("strength", "rounds")) for control in group.controls]
    assert {control.label for control in controls} >= {"Strength", "Rounds"}

    settings = access.run_settings(run)
    assert (settings["task"], settings["dataset"], settings["exponent"]) == ("invert", "gradients", 3)
    form = visit_with_carried(settings, ("pull,strength=3",))
    assert form.selectbox(key="form-task").value == "invert"
    assert form.selectbox(key="form-invert-dataset").value == "gradients"
    assert form.multiselect(key="form-invert-terms").value == ["absolute", "power"]
    assert form.number_input(key="form-exponent").value == 3
    assert form.number_input(key="form-filters").value == 2


def visit_with_carried(settings: dict[str, object], runs: tuple[str, ...]) -> AppTest:
    """The form as another page opens it."""
    test = AppTest.from_file(Path(__file__).parents[2] / "app" / "main.py", default_timeout=300)
    test.session_state["carried-to-form"], test.session_state["carried-runs"] = settings, runs
    test.switch_page("pages/train.py").run()
    assert not test.exception
    return test


def test_the_table_of_methods_has_the_weighting_and_studies_open(visit: Visit) -> None:
    from app import access

    lines, _ = access.methods_table()
    (line,) = (line for line in lines if line["name"] == "pull")
    assert line["looks_at"] == "Fixed weights, the first loss times a strength."
    assert not visit("study").error
