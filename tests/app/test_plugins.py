"""Methods of someone's own in the dashboard: in every menu, trained, and listed where their file is not loaded."""

import hashlib
import time
from pathlib import Path
from typing import Any

import pytest

from app import access
from dmf.errors import ConfigError
from dmf.jobs import Job, create_experiment
from dmf.plugins import load_plugin
from dmf.records import SettingChange
from dmf.runs import RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"

LOSS = """
from dmf.losses import Loss


class Brier(Loss):
    def forward(self, prediction):
        return (1 - prediction.probs).square().mean()


LOSSES = {"brier": Brier}
MODELS = {"tiny": print}
"""

OPTION = '''
from typing import ClassVar

from pydantic import Field

from dmf.weighting import FixedWeighting


class PullOptions(FixedWeighting.declares):
    strength: float = Field(1.0, gt=0, description="How hard it pulls.")


class Pull(FixedWeighting):
    """Fixed weights with a number that changes nothing."""

    declares: ClassVar = PullOptions

    def __init__(self, count, *, strength=1.0, **options):
        super().__init__(count, **options)


WEIGHTINGS = {"pull": Pull}
'''


def test_a_weighting_of_a_plugin_is_chosen_and_trained(store: RunStore, plugin, monkeypatch, visit: Any) -> None:
    monkeypatch.setenv("DMF_PLUGINS", str(plugin()))
    test = visit("train")
    row = next(box for box in test.selectbox if str(box.key).startswith("form-run-") and "Variance" in box.options)
    assert "height" in row.options
    row.select("height")
    for name, value in {"image_size": 32, "epochs": 1, "batch_size": 4, "filters": 4, "limit": 24}.items():
        test.number_input(key=f"form-{name}").set_value(value)
    test.run()
    assert not test.error, [error.value for error in test.error]
    test.button(key="start-training").click().run()
    assert not test.exception
    experiment = store.experiment(store.runs(limit=1)[0].experiment)
    run = next(run for run in experiment.runs if run.config["weighting"] == "height")
    assert [each["path"] for each in experiment.config["plugins"]] == [str(plugin().resolve())]
    deadline = time.monotonic() + 300
    while any(each.state.is_active for each in store.experiment(experiment.id).runs) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert store.run(run.id).state.value == "finished", store.run(run.id).reason


def test_losses_and_models_of_a_plugin_are_in_their_menus(store: RunStore, plugin, monkeypatch, visit: Any) -> None:
    monkeypatch.setenv("DMF_PLUGINS", str(plugin(LOSS)))
    test = visit("train")
    assert "brier" in test.selectbox(key="form-auxiliary").options
    assert "brier" in test.multiselect(key="form-terms").options
    assert "tiny" in test.selectbox(key="form-model").options


def test_a_plugin_that_cannot_be_loaded_is_told_on_every_page_and_the_rest_goes_on(
    store: RunStore, plugin, monkeypatch, visit: Any
) -> None:
    files = [plugin("import nothing_of_the_kind\n", "bad.py"), plugin()]
    monkeypatch.setenv("DMF_PLUGINS", ":".join(map(str, files)))
    for name in ("home", "train"):
        (told,) = visit(name).error
        assert "bad.py, line 1: ModuleNotFoundError: No module named 'nothing_of_the_kind'" in told.value


@pytest.fixture
def trained(store: RunStore, tiny, plugin, forget_plugins) -> tuple[str, Path]:
    """A finished run of a plug-in that this process does not know any more, and its file."""
    file = plugin()
    load_plugin(file)
    experiment = create_experiment(store, tiny("height", "mad", epochs="1"))
    Job(store, experiment, "a test (here)").train()
    forget_plugins()
    return experiment.id, file


def test_runs_of_a_plugin_that_is_not_loaded_are_shown_all_the_same(store: RunStore, trained, visit: Any) -> None:
    id, _ = trained
    runs = ",".join(run.id for run in store.experiment(id).runs)
    visit("home")
    visit("train", experiment=id)
    visit("compare", runs=runs)
    visit("inspect", runs=runs)
    visit("lab", run=runs.partition(",")[0])


TELLS = """
from pathlib import Path

with (Path(__file__).parent / "told").open("a") as told:
    told.write("run ")
"""


@pytest.fixture
def telling(store: RunStore, tiny, plugin, forget_plugins) -> tuple[str, Path, Path]:
    """A finished run of a plug-in that this process does not know any more, its file, and where that tells it was run.

    Its second run turned to the method of the plug-in while it trained.
    """
    file = plugin(name="telling.py")
    file.write_text(file.read_text() + TELLS)
    load_plugin(file)
    turn = {"mad": [SettingChange(2, "weighting", "height")]}
    experiment = create_experiment(store, tiny("height", "mad", epochs="1"), turn)
    Job(store, experiment, "a test (here)").train()
    forget_plugins()
    told = file.parent / "told"
    assert told.read_text() == "run "
    return experiment.id, file, told


def questions(test: Any) -> list[str]:
    """Path and hash of each file that the page asks about."""
    return [code.value for code in test.code if "SHA-256" in code.value]


def say_yes(test: Any) -> Any:
    (button,) = (button for button in test.button if button.label == "Run this file")
    button.click().run()
    assert not test.exception
    return test


def test_inspect_asks_before_it_runs_a_file_and_shows_what_needs_none(store: RunStore, telling, visit: Any) -> None:
    id, file, told = telling
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    first = store.experiment(id).runs[0].id
    test = visit("inspect", runs=first)
    assert questions(test) == [f"{file}\nSHA-256 {digest}"]
    assert "if you trust it" in " ".join(text.value for text in test.markdown).lower()
    assert not test.error
    headings = [text.value for text in test.markdown if text.value.startswith("#### ")]
    assert headings[0] == "#### All images"  # kept probabilities, and the large one: no network is needed
    assert len(headings) > 1
    assert told.read_text() == "run "  # only where it was trained

    say_yes(test)
    assert questions(test) == []
    assert not test.error
    assert told.read_text() == "run run "


def test_the_lab_asks_before_it_runs_a_file_and_shows_what_needs_none(store: RunStore, telling, visit: Any) -> None:
    id, file, told = telling
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    for run in store.experiment(id).runs:  # of its own method, and turned to it
        test = visit("lab", run=run.id, methods="variance;height")
        assert questions(test) == [f"{file}\nSHA-256 {digest}"]
        assert not test.error
        assert "height" not in access.replayable_methods()
    assert told.read_text() == "run "

    say_yes(test)
    assert questions(test) == []
    assert told.read_text() == "run run "
    assert "height" in access.replayable_methods()
    assert not test.error


def test_the_lab_asks_for_no_file_that_its_methods_do_not_need(store: RunStore, tiny, plugin, forget_plugins, visit):
    load_plugin(plugin(LOSS))
    experiment = create_experiment(store, tiny("mad,terms=ce:dice:brier", epochs="1"))
    Job(store, experiment, "a test (here)").train()
    forget_plugins()
    test = visit("lab", run=experiment.runs[0].id)
    assert questions(test) == []
    assert not test.error


@pytest.mark.parametrize("page", ["inspect", "lab"])
def test_a_yes_to_a_file_that_is_another_now_runs_nothing(store: RunStore, telling, visit: Any, page: str) -> None:
    id, file, told = telling
    first = store.experiment(id).runs[0].id
    test = visit(page, **{"run" if page == "lab" else "runs": first})
    file.write_text(file.read_text() + "# changed\n")
    say_yes(test)
    assert any("has changed since this run was made with it" in error.value for error in test.error)
    assert len(questions(test)) == 1
    assert told.read_text() == "run "


def test_a_run_whose_plugin_changed_cannot_be_resumed_from_the_page(store: RunStore, tiny, plugin, forget_plugins):
    file = plugin()
    load_plugin(file)
    experiment = create_experiment(store, tiny("height"))
    job = Job(store, experiment, "a test (here)")
    job.train(lambda runs: job.stop.set())
    forget_plugins()
    file.write_text(file.read_text() + "# changed\n")
    with pytest.raises(ConfigError, match="has changed since this run was made with it"):
        access.command(experiment.id, "resume")


def test_a_task_of_a_plugin_is_the_first_choice_and_has_its_own_losses_and_datasets(
    store: RunStore, plugin, invert: str, monkeypatch, visit: Any
) -> None:
    monkeypatch.setenv("DMF_PLUGINS", str(plugin(invert)))
    test = visit("train")
    task = test.selectbox(key="form-task")
    assert task.value == "segmentation"
    assert task.options[-1] == "Inversion"
    task.select("invert").run()
    datasets = test.selectbox(key="form-invert-dataset")
    assert datasets.value == "gradients"
    assert {"contrast", "gradients"} <= set(datasets.options)  # with images as targets
    assert "phantom" not in datasets.options
    assert test.multiselect(key="form-invert-terms").value == ["absolute", "square"]
    assert test.selectbox(key="form-invert-auxiliary").value == "none"
    for name, value in {"image_size": 16, "epochs": 1, "batch_size": 2, "filters": 2}.items():
        test.number_input(key=f"form-{name}").set_value(value)
    test.run()
    assert not test.error, [error.value for error in test.error]
    test.button(key="start-training").click().run()
    assert not test.exception
    experiment = store.experiment(store.runs(limit=1)[0].experiment)
    assert (experiment.task, experiment.config["data"]["dataset"]) == ("invert", "gradients")
    assert experiment.runs[0].config["terms"] == ["absolute", "square"]


def test_options_of_a_plugin_are_offered_once_it_is_chosen_and_trained_with(
    store: RunStore, plugin, monkeypatch, visit: Any
) -> None:
    monkeypatch.setenv("DMF_PLUGINS", str(plugin(OPTION)))
    test = visit("train")
    assert not [field for field in test.number_input if field.key == "form-strength"]
    test.selectbox(key="form-run-1-weighting").select("pull").run()
    test.number_input(key="form-strength").set_value(2.5).run()
    assert not test.error, [error.value for error in test.error]
    started: list[Any] = []
    monkeypatch.setattr(access, "start", lambda config: started.append(config) or "e-1")
    test.button(key="start-training").click().run()
    (config,) = started
    assert config.runs[0].fusion.weighting.text == "pull,strength=2.5"
