"""Every preset is a race that can be started as it stands."""

import re

import pytest

from dmf import build
from dmf.config import NOTEBOOK, ExperimentConfig, FusionConfig
from dmf.errors import UnknownNameError
from dmf.presets import PRESETS, Preset, find_preset


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_race_that_can_work(name: str) -> None:
    config = PRESETS[name].config()
    assert isinstance(config, ExperimentConfig)
    assert len(config.runs) >= 2  # something to compare
    assert config.name == PRESETS[name].title
    build.validate(config)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_told_in_one_short_title_and_one_sentence(name: str) -> None:
    preset = PRESETS[name]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)  # it is a part of a URL
    assert len(preset.title) <= 32
    assert preset.about.endswith(".")
    assert len(re.findall(r"[.?!](?: |$)", preset.about)) == 1


def test_runs_start_from_the_common_settings_of_the_preset() -> None:
    preset = Preset("Title", "About.", ("mad", "mad,gamma=3"), {"gamma": 2.0, "epochs": 7})
    config = preset.config()
    assert config.training.epochs == 7
    assert [run.fusion for run in config.runs] == [
        FusionConfig(weighting="mad", gamma=2.0),
        FusionConfig(weighting="mad", gamma=3.0),
    ]


def test_the_notebooks_preset_holds_every_setting_of_the_notebook() -> None:
    for run in find_preset("notebook").config().runs:
        assert {name: getattr(run.fusion, name) for name in NOTEBOOK} == NOTEBOOK


def test_an_unknown_preset_is_refused_with_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown preset 'prior'. Choose one of: .* Did you mean 'priors'\?"):
        find_preset("prior")
