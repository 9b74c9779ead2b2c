"""Races worth a look, ready to start: common settings, and the runs as ``dmf train --run`` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dmf.config import NOTEBOOK, DataConfig, ExperimentConfig, TrainingConfig
from dmf.config_text import experiment, parse
from dmf.errors import UnknownNameError
from dmf.registry import unknown


@dataclass(frozen=True)
class Preset:
    """One race.

    Attributes:
        title: What it is called.
        about: One sentence: what to watch.
        runs: One text per run.
        settings: Configuration fields that differ from the defaults, by name.
    """

    title: str
    about: str
    runs: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """What its runs are called, as ``dmf train`` would; found without loading any method."""
        return tuple(text.replace(",", " ") for text in self.runs)

    @property
    def shared(self) -> tuple[DataConfig, TrainingConfig]:
        """What its runs share of data and training."""
        data, training = (
            parse(model, {name: self.settings[name] for name in model.model_fields if name in self.settings})
            for model in (DataConfig, TrainingConfig)
        )
        return data, training

    def config(self) -> ExperimentConfig:
        """The experiment it stands for; everything else at its default."""
        return experiment(self.settings, runs=self.runs, name=self.title)


SYNTHESIS: Mapping[str, Any] = {
    "task": "synthesis",
    "task_options": {"residual": True},
    "dataset": "contrast",
    "terms": ("l1", "ssim", "gradient"),
    "auxiliary": "none",
    "image_size": 64,
    "filters": 8,
    "batch_size": 8,
    "epochs": 12,
    "lr": 0.002,
}
"""Late from early contrast-enhanced MR, at a size that a laptop trains in minutes."""

HAND_TUNED = "4:1:4"
"""L1 : SSIM : gradient difference, of seven such weights the one with the highest validation PSNR.

Found by ``dmf study run docs/results/synthesis-grid.toml`` on subjects that no other run sees; see
docs/results/synthesis.md.
"""

PRESETS: dict[str, Preset] = {
    "figure-4": Preset(
        "Variance, MAD and Bayesian",
        "The three rules of the paper's Figure 4 see the same batches: watch how differently they set the weights.",
        ("variance", "mad", "bayesian"),
    ),
    "fixed-or-dynamic": Preset(
        "Fixed against dynamic weights",
        "One run keeps equal weights while two adapt theirs: watch whether the losses differ, or only the weights.",
        ("fixed", "variance", "bayesian"),
    ),
    "auxiliary": Preset(
        "With and without auxiliary loss",
        "The same rule with the CB-Dice loss added and without: the extra loss should help most in the first epochs.",
        ("mad", "mad,auxiliary=none"),
    ),
    "priors": Preset(
        "How long a prior remembers",
        "A tempered prior forgets its past slowly; a compound one multiplies at every step until one weight takes all.",
        ("bayesian,prior=tempered", "bayesian,prior=compound"),
    ),
    "counts": Preset(
        "Soft against hard counts",
        "Soft counts carry gradient; hard ones, the notebook's, leave all training to cross-entropy: see Gradients.",
        ("variance,loss_counts=soft", "variance,loss_counts=hard"),
        {"gradients": "logits"},
    ),
    "synthesis": Preset(
        "Single, equal, hand-tuned, CoV",
        "Late from early contrast by L1 alone, equal, hand-tuned and CoV weights: see whether adapting beats tuning.",
        ("fixed,weights=1:0:0", "fixed", f"fixed,weights={HAND_TUNED}", "cov"),
        SYNTHESIS,
    ),
    "rare": Preset(
        "Four ways to help a rare class",
        "Cross-entropy, with Dice, focal Tversky and unified focal loss on four classes: watch the recall of the "
        "rarest under Class imbalance, below the pictures.",
        (
            "fixed,terms=ce",
            "fixed,terms=ce:dice",
            "fixed,terms=focal-tversky",
            "fixed,terms=unified-focal",
        ),
        {"dataset": "phantom-4", "auxiliary": "none", "image_size": 64, "filters": 8, "epochs": 30, "lr": 0.002},
    ),
    "notebook": Preset(
        "The authors' notebook",
        "The paper's rules with every setting in which the authors' published code departs from the paper.",
        ("variance", "mad", "bayesian"),
        NOTEBOOK,
    ),
}
"""Name to race."""


def find_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        UnknownNameError: If there is none; lists the names and the closest one.
    """
    if name not in PRESETS:
        raise UnknownNameError(unknown("preset", name, PRESETS), "preset")
    return PRESETS[name]
