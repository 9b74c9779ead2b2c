"""A weighting with two options of its own and a loss with one, from one file: found wherever the built-in ones are."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dmf.build import build_fusion
from dmf.cli.app import app
from dmf.config import ExperimentConfig, FusionConfig
from dmf.config_text import experiment, parse_run
from dmf.errors import ConfigError
from dmf.fingerprint import fingerprint
from dmf.live_settings import Settings
from dmf.losses import build_bank
from dmf.plugins import load_plugin, plugins_of
from dmf.recipes import as_command, as_loop, as_python

FILE = '''
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from dmf.losses import Loss
from dmf.options import Options, Positive, slider
from dmf.weighting import RunningWeighting, functional
from dmf.weighting.options import WeightingOptions


class PullOptions(WeightingOptions):
    strength: Positive = Field(1.0, description="How hard it pulls.", json_schema_extra=slider(0.1, 10))
    rounds: int = Field(3, ge=1, description="How often it pulls in a step.")


class Pull(RunningWeighting):
    """Weights each loss by a power of its value."""

    declares: ClassVar = PullOptions

    def __init__(self, count, *, strength=1.0, rounds=3, **options):
        super().__init__(count, **options)
        self.strength, self.rounds = strength, rounds

    def advance(self, losses, steps):
        return functional.proportional(losses.abs().clamp(1e-6, 1e6) ** (self.strength * self.rounds)) * self.total


class HeavyOptions(Options):
    factor: Positive = Field(2.0, description="What it is multiplied by.")


class Heavy(Loss):
    """Cross-entropy times a number."""

    declares: ClassVar = HeavyOptions

    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = factor

    def forward(self, prediction) -> Tensor:
        return -self.factor * prediction.mean(prediction.log_prob_true)


WEIGHTINGS = {"pull": Pull}
LOSSES = {"heavy": Heavy}
'''
RUN = "pull,strength=2,rounds=1,terms=ce;heavy,factor=3;heavy"


@pytest.fixture
def own(plugin) -> ExperimentConfig:
    load_plugin(plugin(FILE))
    config = experiment({"image_size": "16", "dataset_options": "images=24", "filters": "2"}, runs=[RUN])
    return config.model_copy(update={"plugins": plugins_of(config)})


def test_its_options_are_checked_and_kept_like_others(own):
    fusion = own.runs[0].fusion
    assert fusion.weighting.options == {"strength": 2.0, "rounds": 1}
    assert [loss.factor for loss in build_bank(fusion).terms if hasattr(loss, "factor")] == [3.0, 2.0]
    assert fusion.term_names == ("ce", "heavy", "heavy-2")
    assert build_fusion(fusion).weighting.strength == 2.0
    assert FusionConfig(**json.loads(json.dumps(fusion.recorded()))) == fusion
    assert ExperimentConfig.model_validate_json(own.model_dump_json()) == own
    other = own.runs[0].model_copy(update={"fusion": fusion.replace(strength=3)})
    assert fingerprint(own, own.runs[0]) != fingerprint(own, other)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pull,strength=-1", "strength: input should be greater than 0"),
        ("mad,strength=2", "strength: none of .* has this option. pull has it."),
        ("pull,speed=2", "Unknown field of a run 'speed'"),
    ],
)
def test_what_cannot_be_is_said_of_the_option(own, text, message):
    with pytest.raises(ConfigError, match=message):
        parse_run(FusionConfig(), text)


def test_a_run_turns_to_it_with_its_options(own):
    turned = Settings(0.1, FusionConfig(smoothing=0.5)).changed("weighting", "pull,strength=4").fusion
    assert (turned.weighting.text, turned.smoothing) == ("pull,smoothing=0.5,strength=4.0", 0.5)


def test_copy_writes_them(own):
    assert "strength=2" in as_command(own)
    names: dict[str, object] = {}
    exec(as_python(own).partition("store = ")[0], names)
    assert names["config"].runs == own.runs  # type: ignore[attr-defined]
    assert "strength=2.0" in as_loop(own, own.runs[0].label)


def test_commands_take_them(own, tmp_path: Path):
    losses, weights = tmp_path / "losses.csv", tmp_path / "weights.csv"
    losses.write_text("a,b\n1,2\n3,1\n", encoding="utf-8")
    for words in (
        ["replay", str(losses), "--weighting", "pull,strength=2,rounds=1", "-o", str(weights)],
        ["explain", str(losses), "--step", "1", "--weighting", "pull,strength=2"],
        ["check-method", "pull"],
        ["check-method", "heavy"],
    ):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
    assert weights.read_text(encoding="utf-8").splitlines()[1].startswith("0.2")  # 1 / (1 + 4)
