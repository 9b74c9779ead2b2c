"""Stairs, and that a schedule with options of its own is one text wherever one is named."""

import pytest

from dmf.build import build_fusion
from dmf.config import ExperimentConfig, FusionConfig
from dmf.config_text import experiment, parse, parse_run
from dmf.errors import ConfigError, UnknownNameError
from dmf.recipes import as_command, as_loop, as_python
from dmf.schedule import SCHEDULES, Step, build_schedule


def test_it_falls_by_the_factor_every_few_periods() -> None:
    step = Step(drop_factor=0.1, drop_periods=3, decay_every=2)  # a drop every 6 steps
    assert [step.share(at) for at in (0, 5, 6, 11, 12)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert Step(drop_factor=0).share(5) == 0


def test_its_half_life_is_the_first_step_with_no_more_than_half() -> None:
    # 0.8 ** 3 = 0.512 and 0.8 ** 4 = 0.41, so the fourth drop: 4 drops of 3 periods of 2 steps.
    assert Step(drop_factor=0.8, drop_periods=3, decay_every=2).half_life == 24
    assert Step(drop_factor=0.5, drop_periods=1).half_life == 1


@pytest.mark.parametrize(
    "text", ["step,factor=0.1,periods=2,every=5", "step,drop_factor=0.1,drop_periods=2,decay_every=5"]
)
def test_it_is_one_text(text: str) -> None:
    fusion = parse(FusionConfig, {"schedule": text})
    assert fusion.flat(changed=True) == {
        **{"schedule": "step", "decay_every": 5, "drop_factor": 0.1, "drop_periods": 2},
    }
    schedule = build_schedule(fusion, steps_per_epoch=3)
    assert [schedule(at) for at in (9, 10, 20)] == pytest.approx([1, 0.1, 0.01])


def test_an_epoch_is_as_long_as_it_is() -> None:
    fusion = build_fusion(FusionConfig(schedule="step,factor=0.25,periods=2", gamma=8), steps_per_epoch=7)
    assert [fusion.schedule(at) for at in (13, 14, 27, 28)] == [8, 2, 2, 0.5]


@pytest.fixture
def config() -> ExperimentConfig:
    return experiment(
        {"schedule": "step,factor=0.1"}, runs=["mad,drop_periods=2", "cov,schedule=linear,decay_rate=0.5"]
    )


def test_a_command_line_that_is_copied_trains_the_same(config: ExperimentConfig) -> None:
    assert [run.fusion.schedule.text for run in config.runs] == ["step,factor=0.1,periods=2", "linear,rate=0.5"]
    assert as_command(config) == (
        "dmf train --schedule step --drop-factor 0.1 --run mad,drop_periods=2 \\\n"
        "    --run cov,schedule=linear,decay_rate=0.5"
    )


def test_python_that_is_copied_trains_the_same(config: ExperimentConfig) -> None:
    space: dict[str, object] = {}
    exec(as_python(config).partition("store = ")[0], space)
    assert space["config"] == config
    exec(as_loop(config, config.runs[0].label), space)


def test_every_schedule_can_be_named_and_no_other() -> None:
    for name in SCHEDULES:
        assert parse_run(FusionConfig(), f"mad,schedule={name}").fusion.schedule.name == name
    with pytest.raises(
        UnknownNameError, match=r"Unknown schedule 'stairs'\. Choose one of: exponential, linear"
    ) as caught:
        build_schedule(FusionConfig(schedule="stairs"))
    assert caught.value.field == "schedule"
    with pytest.raises(ConfigError, match="rate: step has no such option"):
        parse(FusionConfig, {"schedule": "step,rate=0.1"})
    with pytest.raises(ConfigError, match="drop_factor: input should be less than 1"):
        parse(FusionConfig, {"schedule": "step,factor=2"})
