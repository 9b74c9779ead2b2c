"""Replay: the weights a recorded loss history would have got under any weighting.

Imports torch only when something is computed, so that listing and reading stay light.
"""

from dmf.replay.csv import read_losses, write_weights
from dmf.replay.explain import Explainer, Explanation, explain
from dmf.replay.recorded import recorded_losses
from dmf.replay.replay import replay

__all__ = ["Explainer", "Explanation", "explain", "read_losses", "recorded_losses", "replay", "write_weights"]
