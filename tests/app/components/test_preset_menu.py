"""Presets fill the form: by a click, or by the URL."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dmf.config import ExperimentConfig
from dmf.presets import PRESETS

MAIN = Path(__file__).parents[3] / "app" / "main.py"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{tmp_path / 'runs.sqlite'}")


def page(preset: str | None = None) -> AppTest:
    test = AppTest.from_file(MAIN, default_timeout=300)
    test.switch_page("pages/train.py")
    if preset is not None:
        test.query_params["preset"] = preset
    test.run()
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


def shown(test: AppTest) -> list[str]:
    return [element.value for element in test.container(key="preset-menu").caption]


@pytest.mark.parametrize("name", PRESETS)
def test_a_click_on_a_preset_sets_the_whole_form(name: str) -> None:
    test = page()
    test.number_input(key="form-epochs").set_value(3)
    test.number_input(key="form-phantom-images").set_value(40)
    test.checkbox(key="form-symlog").uncheck().run()
    test.button(key=f"preset-{name}").click().run()
    assert not test.exception
    assert f"**{PRESETS[name].title}.** {PRESETS[name].about}" in shown(test)
    assert started(test) == PRESETS[name].config()


def test_one_preset_after_another_leaves_nothing_of_the_first() -> None:
    test = page()
    test.button(key="preset-notebook").click().run()
    assert test.number_input(key="form-gamma").value == 5
    assert test.text_input(key="form-decay_every").value == "100"
    test.button(key="preset-priors").click().run()
    assert test.number_input(key="form-gamma").value == 1
    assert test.text_input(key="form-decay_every").value == "epoch"
    assert started(test) == PRESETS["priors"].config()


def test_what_the_form_holds_is_told_until_it_is_changed() -> None:
    test = page()
    about = f"**{PRESETS['figure-4'].title}.** {PRESETS['figure-4'].about}"
    assert about in shown(test)  # the defaults are this race
    test.number_input(key="form-gamma").set_value(2.0).run()
    assert about not in shown(test)
    test.number_input(key="form-gamma").set_value(1.0).run()
    test.button(key="form-run-1-remove").click().run()
    assert about not in shown(test)


def test_a_preset_in_the_url_is_taken_once() -> None:
    test = page("counts")
    assert "preset" not in test.query_params
    test.button(key="form-run-1-remove").click().run()
    assert [run.label for run in started(test).runs] == ["variance loss_counts=hard"]


def test_an_unknown_preset_in_the_url_is_told_and_the_form_stays_as_it_is() -> None:
    test = page("count<")
    assert "Unknown preset 'count<'" in test.sidebar.warning[0].value
    assert "Did you mean 'counts'?" in test.sidebar.warning[0].value
    assert "preset" not in test.query_params
    assert [run.label for run in started(test).runs] == ["variance", "mad", "bayesian"]
