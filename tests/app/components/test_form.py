"""The form as a person fills it: what it offers, what it refuses, what it starts."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dmf import declared
from dmf.config import DataConfig, ExperimentConfig, FusionConfig, ModelConfig, TrainingConfig
from dmf.config_text import SECTIONS
from dmf.runs import RunStore

MAIN = Path(__file__).parents[3] / "app" / "main.py"
LABELS = (
    *("Dataset", "Loss terms", "Auxiliary loss", "Initial auxiliary weight γ₀", "Decay rate", "Epochs", "Batch size"),
    *("Image size", "Seeds", "Device", "Weighting method of run 1"),
)


def page() -> AppTest:
    test = AppTest.from_file(MAIN, default_timeout=300)
    test.switch_page("pages/train.py").run()
    assert not test.exception
    return test


def problems(test: AppTest) -> list[str]:
    return [element.value for element in test.sidebar.get("html") if "problem" in element.value]


def test_the_form_has_its_labels(store: RunStore) -> None:
    test = page()
    widgets = (*test.sidebar.selectbox, *test.sidebar.multiselect, *test.sidebar.number_input, *test.sidebar.text_input)
    assert set(LABELS) <= {widget.label for widget in widgets}
    assert list(test.selectbox(key="form-auxiliary").options) == ["None", "Tversky", "Focal", "CB-Dice"]
    assert test.sidebar.button[-1].label == "Start training"


def test_what_a_race_is_about_comes_first(store: RunStore) -> None:
    order = [element.key for element in page().sidebar if getattr(element, "key", None)]
    places = [
        order.index(f"form-{name}")
        for name in ("task", "dataset", "run-1-weighting", "terms", "auxiliary", "gamma", "image_size", "optimizer")
    ]
    assert places == sorted(places)


def test_a_search_leaves_the_fields_it_does_not_find_their_values(store: RunStore) -> None:
    from app import access

    test = page()
    test.number_input(key="form-lr").set_value(0.25).run()
    test.text_input(key="find-setting").set_value("patience").run()
    hidden = next(
        element.value
        for element in test.get("html")
        if "stLayoutWrapper" in element.value and ".st-key-more-" in element.value
    )
    assert ".st-key-more-field-lr" in hidden
    assert ".st-key-more-group-data" in hidden
    assert ".st-key-more-field-patience" not in hidden
    assert ".st-key-more-group-training" not in hidden
    started: list[ExperimentConfig] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "start", lambda config: started.append(config) or "e-1")
        test.button(key="start-training").click().run()
    assert [config.training.lr for config in started] == [0.25]


def test_every_field_of_the_configuration_has_a_widget(store: RunStore) -> None:
    test = page()
    keys = {element.key for element in test.sidebar if getattr(element, "key", None)}
    for name in (name for model in SECTIONS.values() for name in model.model_fields if name != "spare"):
        if name == "dataset_options":
            assert "form-phantom-images" in keys
        elif name == "model_options":
            continue  # no network that comes with the program has any
        elif name == "weighting":
            assert "form-run-1-weighting" in keys
        elif name == "seed":
            assert "form-seeds" in keys  # one field for one and for several
        else:
            assert f"form-{name}" in keys, name


def test_the_options_of_the_chosen_methods_are_there_and_no_others(store: RunStore) -> None:
    def offered(test: AppTest) -> set[str]:
        keys = {str(element.key).removeprefix("form-") for element in test.sidebar if getattr(element, "key", None)}
        return keys & declared.words().keys()

    def declared_by(weightings: tuple[str, ...], losses: tuple[str, ...]) -> set[str]:
        chosen = {*weightings, *losses}
        return {name for name, word in declared.words().items() if not chosen.isdisjoint(word.methods)}

    test = page()
    losses = ("ce", "iou", "dice", "cb-dice")
    assert offered(test) == declared_by(("variance", "mad", "bayesian"), (*losses, "exponential"))
    test.selectbox(key="form-schedule").set_value("step").run()
    test.selectbox(key="form-run-1-weighting").set_value("dwa").run()
    test.selectbox(key="form-auxiliary").set_value("tversky").run()
    assert offered(test) == declared_by(("dwa", "mad", "bayesian"), (*losses[:3], "tversky", "step"))


def test_the_form_starts_from_the_defaults_of_the_configuration(store: RunStore) -> None:
    from app import access

    started: list[ExperimentConfig] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "start", lambda config: started.append(config) or "e-1")
        page().button(key="start-training").click().run()
    (config,) = started
    assert config.data == DataConfig()
    assert config.model == ModelConfig()
    assert config.training == TrainingConfig()
    assert [run.fusion for run in config.runs] == [
        FusionConfig(weighting=name) for name in ("variance", "mad", "bayesian")
    ]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("epochs", 0, "Must be at least 1, got 0."),
        ("image_size", 100, "104"),
        ("batch_size", 500, "the largest batch size that works is 179"),
        ("gamma", -1.0, "Must be at least 0"),
        ("history_min", 200, "200 is above “Window length” (100)"),
        ("lr", 0.0, "Must be above 0"),
        ("phantom-images", 100_000_000, "from 1 to 20,000"),
    ],
)
def test_a_value_that_cannot_work_is_refused_beside_its_field(
    store: RunStore, field: str, value: float, said: str
) -> None:
    test = page()
    test.number_input(key=f"form-{field}").set_value(value).run()
    assert not test.exception
    assert said in problems(test)[0]
    assert test.button(key="start-training").disabled
    assert test.number_input(key=f"form-{field}").value == value  # nothing is lost
    assert store.experiments() == []


def test_everything_that_is_wrong_is_said_at_once(store: RunStore) -> None:
    test = page()
    for field, value in (("epochs", 0), ("image_size", 100), ("batch_size", 500)):
        test.number_input(key=f"form-{field}").set_value(value)
    test.run()
    beside = [sentence for sentence in problems(test) if 'role="alert"' in sentence]
    assert len(beside) == 3
    folded = [sentence for sentence in problems(test) if sentence not in beside]
    assert all(sentence.startswith('<p class="problem">Under “100 px · 0 epochs · seed 0”, ') for sentence in folded)
    assert len(folded) == 3
    assert test.button(key="start-training").disabled


def test_a_dataset_that_is_not_there_is_refused_with_the_way_to_get_it(store: RunStore) -> None:
    test = page()
    test.selectbox(key="form-dataset").set_value("busi").run()
    assert "dmf data get busi" in problems(test)[0]
    assert "set “Folder of the dataset” (under More) to where it lies" in problems(test)[0]
    assert test.checkbox(key="form-busi-normal").label == "Normal"
    assert test.button(key="start-training").disabled


def test_no_loss_term_at_all_is_refused(store: RunStore) -> None:
    test = page()
    test.multiselect(key="form-terms").set_value([]).run()
    assert "Expected at least 1, got 0." in problems(test)[0]


def test_too_long_a_name_is_refused_beside_it(store: RunStore) -> None:
    test = page()
    test.text_input(key="form-name").set_value("x" * 201).run()
    assert "at most 200 characters" in problems(test)[0]
    assert "Under More, Name" in problems(test)[1]


def test_what_is_wrong_with_a_row_is_said_there_and_nothing_can_be_started(store: RunStore) -> None:
    test = page()
    test.session_state["form-run-2-edit"] = True
    test.run()
    test.multiselect(key="form-run-2-settings").set_value(["history_min"]).run()
    test.number_input(key="form-run-2-history_min").set_value(200).run()
    said = "“Window length” (100), so the weights would never move"
    assert any(said in problem.value for problem in test.container(key="run-2").get("html"))
    assert not any("problem" in shown.value for shown in test.container(key="run-1").get("html"))
    assert test.button(key="start-training").disabled
    test.multiselect(key="form-run-2-settings").set_value([]).run()
    assert problems(test) == []
    assert not test.button(key="start-training").disabled


def test_the_half_life_follows_the_decay_rate(store: RunStore) -> None:
    # Half-life in epochs: ln 2 / 0.05 = 13.86, ln 2 / 0.1 = 6.93; the phantom has 179 // 8 = 22 steps per epoch.
    test = page()
    assert any("305 steps, 13.9 epochs" in caption.value for caption in test.sidebar.caption)
    test.number_input(key="form-decay_rate").set_value(0.1).run()
    assert any("152 steps, 6.93 epochs" in caption.value for caption in test.sidebar.caption)


def test_an_optimizer_brings_its_own_options(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[ExperimentConfig] = []
    monkeypatch.setattr("app.access.start", lambda config: started.append(config) or "e-1")
    test = page()
    assert "form-momentum" not in {box.key for box in test.sidebar.number_input}
    test.selectbox(key="form-optimizer").set_value("sgd").run()
    test.number_input(key="form-momentum").set_value(1.0).run()
    assert "Must be below 1, got 1.0." in problems(test)[0]
    test.number_input(key="form-momentum").set_value(0.5)
    test.number_input(key="form-weight_decay").set_value(0.01).run()
    test.button(key="start-training").click().run()
    assert not test.exception
    assert [config.training.optimizer.text for config in started] == ["sgd,weight_decay=0.01,momentum=0.5"]


def test_settings_that_are_carried_to_the_form_have_the_options_of_the_optimizer(store: RunStore) -> None:
    test = AppTest.from_file(MAIN, default_timeout=300)
    test.session_state["carried-to-form"] = {"optimizer": "sgd,momentum=0.5"}
    test.switch_page("pages/train.py").run()
    assert not test.exception
    assert test.selectbox(key="form-optimizer").value == "sgd"
    assert (test.number_input(key="form-momentum").value, test.number_input(key="form-weight_decay").value) == (0.5, 0)


def test_another_schedule_brings_its_own_options(store: RunStore) -> None:
    # A quarter is left after the first drop, which comes after 3 epochs of 22 steps.
    test = page()
    test.selectbox(key="form-schedule").set_value("step").run()
    assert "form-decay_rate" not in {box.key for box in test.sidebar.number_input}
    test.number_input(key="form-drop_factor").set_value(0.25)
    test.number_input(key="form-drop_periods").set_value(3).run()
    assert not test.exception
    assert any("66 steps, 3 epochs" in caption.value for caption in test.sidebar.caption)
    test.number_input(key="form-drop_factor").set_value(1.0).run()
    assert "Must be below 1, got 1.0." in problems(test)[0]
    test.selectbox(key="form-schedule").set_value("constant").run()
    assert any("γ never halves." in caption.value for caption in test.sidebar.caption)


def test_runs_whose_auxiliary_weight_falls_otherwise_are_told_apart(store: RunStore) -> None:
    test = page()
    for row in (2, 3):
        test.session_state[f"form-run-{row}-edit"] = True
    test.run()
    test.multiselect(key="form-run-2-settings").set_value(["decay_rate"])
    test.multiselect(key="form-run-3-settings").set_value(["auxiliary"]).run()
    test.number_input(key="form-run-2-decay_rate").set_value(0.1)
    test.selectbox(key="form-run-3-auxiliary").set_value("none").run()
    assert not test.exception
    captions = [caption.value for caption in test.sidebar.caption]
    assert "Run 1: half-life 305 steps, 13.9 epochs." in captions
    assert "Run 2: half-life 152 steps, 6.93 epochs." in captions
    assert "Run 3: no auxiliary loss." in captions
