"""Replay: the weights a recorded loss history would have got under any weighting.

Imports torch only when something is computed, so that listing and reading stay light.
"""

from dmf.replay.csv import read_losses, write_weights
from dmf.replay.explain import Explainer, Explanation, explain
from dmf.replay.histories import recorded_losses, recorded_steps
from dmf.replay.methods import ReplayableMethod, replayable_methods
from dmf.replay.perturb import Perturbation, perturb
from dmf.replay.replay import replay
from dmf.replay.sensitivity import Sensitivity, sweep
from dmf.replay.synthetic import SHAPES, Shape, Synthetic, SyntheticLoss, synthetic_losses

__all__ = [
    "SHAPES",
    "Explainer",
    "Explanation",
    "Perturbation",
    "ReplayableMethod",
    "Sensitivity",
    "Shape",
    "Synthetic",
    "SyntheticLoss",
    "explain",
    "perturb",
    "read_losses",
    "recorded_losses",
    "recorded_steps",
    "replay",
    "replayable_methods",
    "sweep",
    "synthetic_losses",
    "write_weights",
]
