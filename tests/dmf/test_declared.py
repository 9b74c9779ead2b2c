"""A name that two tasks have means the loss of the task of the configuration, with its options."""

from typing import ClassVar

import pytest
from pydantic import Field

from dmf import declared
from dmf.config import ExperimentConfig, FusionConfig, RunConfig
from dmf.config_text import experiment, parse_run
from dmf.errors import ConfigError
from dmf.live_settings import Settings
from dmf.options import Options
from dmf.recipes import as_command
from dmf.tasks import Segmentation, Synthesis
from dmf.tasks.synthesis.losses.base import SynthesisLoss

TEXTS = {"task": "synthesis", "dataset": "contrast", "auxiliary": "none"}


class KneeOptions(Options):
    """Options of a loss of images that is called as one of segmentation."""

    knee: float = Field(1.0, gt=0, description="Where it bends.")


class Knee(SynthesisLoss):
    """A loss of images called ``focal``."""

    declares: ClassVar[type[Options]] = KneeOptions

    def __init__(self, knee: float = 1.0) -> None:
        super().__init__()
        self.knee = knee

    def forward(self, prediction):
        return (prediction.output - prediction.target).abs().clamp(max=self.knee).mean()


@pytest.fixture(autouse=True)
def two_losses_called_focal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Synthesis.losses()._members, "focal", Knee)


def test_options_are_those_of_the_loss_of_the_task() -> None:
    config = experiment(TEXTS | {"terms": "l1;focal,knee=2"}, runs=["fixed"])
    fusion = config.runs[0].fusion
    assert fusion.options("focal") == KneeOptions(knee=2)
    assert fusion.knee == 2
    assert fusion.flat(changed=True)["knee"] == 2
    bank = Synthesis(1, 1).bank(fusion)
    assert [type(term).__name__ for term in bank.modules() if isinstance(term, Knee)] == ["Knee"]


def test_options_of_the_other_loss_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"focal has no such option\. It has: knee"):
        experiment(TEXTS | {"terms": "l1;focal,gamma=3"}, runs=["fixed"])
    with pytest.raises(ConfigError, match=r"focal has no such option\. It has: gamma"):
        experiment({"terms": "ce;focal,knee=2"}, runs=["fixed"])


def test_a_stored_configuration_is_read_as_its_task_means_it() -> None:
    for texts in (TEXTS | {"terms": "l1;focal,knee=2"}, {"terms": "ce;focal,gamma=3"}):
        config = experiment(texts, runs=["fixed"])
        read = ExperimentConfig.model_validate(config.model_dump(mode="json"))
        assert read == config
        assert read.runs[0].fusion.options("focal") == config.runs[0].fusion.options("focal")
        rows = [{"label": run.label, "fusion": run.fusion.recorded()} for run in config.runs]
        again = ExperimentConfig.model_validate(config.model_dump(mode="json") | {"runs": rows})
        assert again.runs == config.runs


def test_a_fusion_made_for_no_task_is_read_again_for_that_of_the_experiment() -> None:
    fusion = FusionConfig(terms=("l1", "focal"), auxiliary="none")
    assert "focal_gamma" in fusion.flat()
    config = ExperimentConfig(task="synthesis", runs=(RunConfig(label="a", fusion=fusion),))
    assert config.runs[0].fusion.options("focal") == KneeOptions()
    assert config.runs[0].fusion.task == "synthesis"


def test_a_run_and_a_changed_setting_keep_the_task() -> None:
    base = experiment(TEXTS | {"terms": "l1;focal"}, runs=["fixed"]).runs[0].fusion
    assert parse_run(base, "mad,knee=3").fusion.options("focal") == KneeOptions(knee=3)
    assert base.replace(gamma=2.0).options("focal") == KneeOptions()
    turned = Settings(0.1, base).changed("weighting", "mad")
    assert turned.fusion.options("focal") == KneeOptions()


def test_a_command_that_is_copied_says_the_options_of_its_task() -> None:
    config = experiment(TEXTS | {"terms": "l1;focal,knee=2"}, runs=["fixed"])
    assert "knee=2" in as_command(config)


def test_outside_of_a_task_the_first_one_that_has_a_name_is_meant() -> None:
    assert declared.method("loss", "focal") is Segmentation.losses()["focal"]
    with declared.of_task("synthesis"):
        assert declared.method("loss", "focal") is Knee
        assert declared.method("loss", "dice") is Segmentation.losses()["dice"]  # others are still known
    assert declared.current_task() is None
