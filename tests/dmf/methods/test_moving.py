"""Optimizers and schedules of the learning rate: what they promise, and those of a file of someone's own."""

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from dmf import build
from dmf.cli.app import app
from dmf.config_text import experiment
from dmf.errors import ConfigError
from dmf.jobs import Job, create_experiment
from dmf.lr_schedules import LR_SCHEDULES
from dmf.methods import check_method
from dmf.optimizers import OPTIMIZERS
from dmf.plugins import load_plugin, plugins_of
from dmf.records import RunState

FILE = """
from typing import ClassVar

import torch
from pydantic import Field

from dmf.lr_schedules import FloorOptions, LRSchedule
from dmf.optimizers import OptimizerKind, OptimizerOptions


class SmallerOptions(OptimizerOptions):
    betas_end: float = Field(0.99, gt=0, lt=1, description="How long the size of gradients is remembered.")


class Smaller(OptimizerKind):
    title = "Smaller"
    declares: ClassVar = SmallerOptions

    def of(self, parameters, lr):
        decay, end = self.options["weight_decay"], self.options["betas_end"]
        return torch.optim.Adam(parameters, lr=lr, betas=(0.5, end), weight_decay=decay, fused=True)


class Line(LRSchedule):
    title = "Line"
    declares: ClassVar = FloorOptions

    def factor(self, passed, falls):
        return 1 - passed + self.lr_floor * passed


OPTIMIZERS = {"smaller": Smaller}
LR_SCHEDULES = {"line": Line}
"""


@pytest.mark.parametrize(
    ("word", "name"), [("OPTIMIZERS", name) for name in OPTIMIZERS] + [("LR_SCHEDULES", name) for name in LR_SCHEDULES]
)
def test_every_one_keeps_what_it_promises(word: str, name: str) -> None:
    assert [finding for finding in check_method(word, name) if finding.result != "pass"] == []


def test_those_of_a_plugin_train_with_their_options(plugin, store, tiny) -> None:
    file: Path = plugin(FILE)
    load_plugin(file)
    words = {"optimizer": "smaller,betas_end=0.9", "weight_decay": "0.1", "lr_schedule": "line,floor=0.5"}
    config = tiny("mad", **words)
    (group,) = build.build_optimizer(config).of([torch.nn.Parameter(torch.ones(1))], 0.1).param_groups
    assert (group["betas"], group["weight_decay"]) == ((0.5, 0.9), 0.1)
    assert build.build_lr_schedule(config).factor(0.5, 0) == pytest.approx(0.75)
    assert [used.path for used in plugins_of(config)] == [str(file)]
    made = create_experiment(store, config)
    Job(store, made, "test").train()
    assert store.run(made.runs[0].id).state is RunState.FINISHED
    rates = store.telemetry(made.runs[0].id)
    lr = rates.values[:, rates.columns.index("lr")]
    assert lr[0] == pytest.approx(config.training.lr)
    assert lr[-1] == pytest.approx(config.training.lr * (1 - 0.5 * 7 / 8))  # of 8 steps, 7 have passed
    for name, kept in (("smaller", 3), ("line", 2)):
        checked = CliRunner().invoke(app, ["check-method", name])
        assert checked.exit_code == 0, checked.output
        assert f"{kept} kept, 0 broken, 0 skipped" in checked.output


def test_without_them_no_plugin_is_named(plugin) -> None:
    load_plugin(plugin(FILE))
    assert plugins_of(experiment({}, runs=["mad"])) == ()


@pytest.mark.parametrize(
    ("word", "change", "told"),
    [
        ("OPTIMIZERS", ("torch.optim.Adam(", "torch.optim.Adam(maximize=True, params="), "after 20 steps"),
        ("OPTIMIZERS", (", fused=True", ""), "Expected grad_scale and found_inf to be None"),
        ("LR_SCHEDULES", ("1 - passed", "-1 - passed"), "at least 0; after 0% and 0 falls it is -1"),
    ],
)
def test_what_breaks_a_promise_is_told(plugin, word: str, change: tuple[str, str], told: str) -> None:
    (name,) = load_plugin(plugin(FILE.replace(*change))).names[word]
    reasons = [finding.reason for finding in check_method(word, name) if finding.result == "fail"]
    assert any(told in reason for reason in reasons), reasons


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("OPTIMIZERS = {'x': dict}\n", r"optimizer 'x' must be a class derived from dmf\.optimizers\.OptimizerKind"),
        ("LR_SCHEDULES = {'x': dict}\n", r"learning rate schedule 'x' must be a class derived from dmf\.LRSchedule"),
        ("from dmf.optimizers import Adam\nOPTIMIZERS = {'adam': Adam}\n", "there is a optimizer 'adam' already"),
    ],
)
def test_what_cannot_be_one_is_refused(plugin, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_plugin(plugin(text))
