"""Settings of methods as controls, and back as text."""

import pytest

from app.components.lab.parameters import (
    bounds,
    lenient,
    method_groups,
    method_text,
    method_values,
    numeric,
    slider_of,
)
from dmf.config import FusionConfig
from dmf.config_text import field_info, parse_run
from dmf.replay import replayable_methods

METHODS = replayable_methods()
BASE = FusionConfig()


@pytest.mark.parametrize("method", METHODS)
def test_every_setting_that_concerns_a_method_has_one_control(method: str) -> None:
    options = METHODS[method].options
    config = FusionConfig(weighting=method, cov_mean="decay")
    controls = [control for group in method_groups(config, options) for control in group.controls]
    names = [control.name for control in controls]
    assert len(set(names)) == len(names)
    assert {name.partition(".")[0] for name in names} == set(options)
    assert set(names) == set(method_values(BASE, options))
    assert all(control.help and control.label for control in controls)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_with_nothing_changed_is_its_name(method: str) -> None:
    options = METHODS[method].options
    assert method_text(method, method_values(BASE, options), BASE, options) == method


def test_what_differs_is_written_as_the_command_reads_it() -> None:
    options = METHODS["bayesian"].options
    values = method_values(BASE, options) | {"rho": 0.5, "symlog": False, "floor": 0.01, "weights.0": 0.5}
    text = method_text("bayesian", values, BASE, options)
    assert set(text.split(",")) == {"bayesian", "rho=0.5", "symlog=false", "floor=0.01", "weights=0.5:1:1"}
    config = parse_run(BASE, text).fusion
    assert (config.rho, config.symlog, config.floor, config.weights) == (0.5, False, 0.01, (0.5, 1.0, 1.0))
    assert method_text("bayesian", method_values(config, options), BASE, options) == text


def test_what_a_run_had_and_the_slider_takes_back_is_written_too() -> None:
    base = FusionConfig(floor=0.01, weights=(1, 0, 0))
    options = METHODS["mad"].options
    values = method_values(base, options) | {"floor": None, "weights.1": 1.0, "weights.2": 1.0}
    assert set(method_text("mad", values, base, options).split(",")) == {"mad", "floor=none", "weights=none"}


def test_controls_show_what_was_chosen_even_where_it_does_not_fit_together() -> None:
    found = lenient(BASE, "bayesian", {"history_min": "50", "history_max": "20", "rho": "much"})
    assert (found.history_min, found.history_max, found.rho) == (50, 20, BASE.rho)


def test_of_a_fixed_method_the_weights_are_not_folded() -> None:
    first = method_groups(FusionConfig(weighting="fixed"), METHODS["fixed"].options)[0]
    assert [control.name for control in first.controls] == ["weights.0", "weights.1", "weights.2"]
    assert not first.folded


def test_what_another_setting_puts_out_of_use_has_no_control() -> None:
    for settings, name in (({"prior": "fixed"}, "rho"), ({"cov_mean": "full"}, "cov_decay")):
        config = FusionConfig.model_validate({"weighting": "bayesian" if "prior" in settings else "cov", **settings})
        groups = method_groups(config, [name, *settings])
        assert [control.name for group in groups for control in group.controls] == list(settings)


def test_numbers_that_make_sense_as_a_range_can_be_varied() -> None:
    assert {"rho", "smoothing", "history_max"} <= set(numeric(METHODS["bayesian"].options))
    assert "weight_seed" not in numeric(METHODS["random"].options)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("rho", {"ge": 0, "lt": 1}),
        ("eps", {"gt": 0}),
        ("floor", {"ge": 0}),
        ("history_max", {"ge": 2, "le": 100_000}),
        ("prior_weights", {"gt": 0}),
        ("beta", {}),
    ],
)
def test_the_bounds_of_a_number_are_those_of_its_model(name: str, asked: dict[str, float]) -> None:
    assert bounds(FusionConfig, name) == asked


NUMBERS = dict.fromkeys(name for method in METHODS.values() for name in method.options if slider_of(name))


@pytest.mark.parametrize("name", NUMBERS)
def test_the_default_of_a_setting_lies_within_its_slider(name: str) -> None:
    about, default = slider_of(name), field_info(FusionConfig, name).default
    assert about["low"] < about["high"]
    assert about.get("none") if default is None else about["low"] <= default <= about["high"]
