"""Schedules of someone's own, and what every schedule has without saying it."""

import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dmf.build import build_fusion
from dmf.cli.app import app
from dmf.config import FusionConfig
from dmf.config_text import experiment
from dmf.methods import check_method
from dmf.plugins import load_plugin, plugins_of
from dmf.schedule import SCHEDULES, Schedule

FILE = """
from typing import ClassVar

from pydantic import Field

from dmf.schedule import PeriodOptions, Schedule


class HalvesOptions(PeriodOptions):
    sharpness: float = Field(1.0, gt=0, description="How sharply it falls at first.")


class Halves(Schedule):
    about: ClassVar = "Falls by a power of time."
    declares: ClassVar = HalvesOptions

    def __init__(self, sharpness=1.0, decay_every=1):
        self.sharpness, self.every = sharpness, decay_every

    def share(self, step):
        return float((1 + step // self.every) ** -self.sharpness)


SCHEDULES = {"halves": Halves}
"""


class Sudden(Schedule):
    def __init__(self, at: int) -> None:
        self.at = at

    def share(self, step: int) -> float:
        return 1.0 if step < self.at else 0.5


@pytest.mark.parametrize("at", [1, 2, 3, 1000, 1025])
def test_the_half_life_is_found_where_it_is_not_said(at: int) -> None:
    assert Sudden(at).half_life == at


def test_what_does_not_halve_has_none() -> None:
    assert Sudden(2**50).half_life == math.inf


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_keeps_what_it_promises(name: str) -> None:
    assert [finding for finding in check_method("SCHEDULES", name) if finding.result != "pass"] == []


def test_one_of_a_plugin_is_found_with_its_options(plugin) -> None:
    file: Path = plugin(FILE)
    load_plugin(file)
    config = experiment({"schedule": "halves,sharpness=2,every=3"}, runs=["mad"])
    assert config.runs[0].fusion.flat(changed=True) == {
        **{"weighting": "mad", "schedule": "halves", "decay_every": 3, "sharpness": 2.0},
    }
    schedule = build_fusion(config.runs[0].fusion).schedule
    assert [schedule(step) for step in (0, 2, 3, 6)] == pytest.approx([1, 1, 1 / 4, 1 / 9])
    assert schedule.half_life == 3
    assert [used.path for used in plugins_of(config)] == [str(file)]
    assert build_fusion(FusionConfig(schedule="halves"), steps_per_epoch=4).schedule(4) == 0.5
    checked = CliRunner().invoke(app, ["check-method", "halves"])
    assert checked.exit_code == 0, checked.output
    assert "4 kept, 0 broken, 0 skipped" in checked.output


def test_what_breaks_a_promise_is_told(plugin) -> None:
    broken = FILE.replace("float((1 + step // self.every) ** -self.sharpness)", "-1.0").replace("halves", "below")
    load_plugin(plugin(broken))
    found = [finding for finding in check_method("SCHEDULES", "below") if finding.result == "fail"]
    assert found[0].reason == "a weight must be a finite number of at least 0; at step 0 it is -1.0."
