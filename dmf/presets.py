"""Races worth a look, ready to start: common settings, and the runs as ``dmf train --run`` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dmf.config import NOTEBOOK, ExperimentConfig
from dmf.config_text import experiment


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

    def config(self) -> ExperimentConfig:
        """The experiment it stands for; everything else at its default."""
        return experiment(self.settings, runs=self.runs, name=self.title)


PRESETS: dict[str, Preset] = {
    "figure-4": Preset(
        "Variance, MAD and Bayesian",
        "The three rules of Figure 4 of the paper on the same batches: the same losses, very different weights.",
        ("variance", "mad", "bayesian"),
    ),
    "fixed-or-dynamic": Preset(
        "Fixed against dynamic weights",
        "One run keeps equal weights, the others adapt: does adapting change the losses, or only the weights?",
        ("fixed", "variance", "bayesian"),
    ),
    "auxiliary": Preset(
        "With and without auxiliary loss",
        "The same rule with CB-Dice added and without: the extra loss should help most in the first epochs.",
        ("mad", "mad,auxiliary=none"),
    ),
    "priors": Preset(
        "How long a prior remembers",
        "A tempered prior forgets; a compounding one multiplies at every step until one weight takes all.",
        ("bayesian,prior=tempered", "bayesian,prior=compound"),
    ),
    "counts": Preset(
        "Soft against hard counts",
        "Hard counts, as in the authors' notebook, carry no gradient, so there only cross-entropy trains the network.",
        ("variance,loss_counts=soft", "variance,loss_counts=hard"),
    ),
    "notebook": Preset(
        "The authors' notebook",
        "Every setting in which the published notebook departs from the paper: hard counts, its median, its prior.",
        ("variance", "mad", "bayesian"),
        NOTEBOOK,
    ),
}
"""Name to race."""
