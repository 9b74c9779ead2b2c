"""Optimizers: how the network moves along its gradient. Importing this needs no torch.

Each can skip a step on the device's own word (``found_inf``, as gradient scalers use it), so that a step whose losses
are not finite changes nothing, and nobody waits for the device to know. To add one: a file here, which also declares
its options, a line in :data:`OPTIMIZERS`, a test that a skipped step changes nothing.
"""

from dmf.optimizers.adam import Adam
from dmf.optimizers.adamw import AdamW
from dmf.optimizers.base import OptimizerKind, OptimizerOptions, skip_where
from dmf.optimizers.sgd import SGD
from dmf.registry import Registry

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "OptimizerKind", "OptimizerOptions", "skip_where"]

OPTIMIZERS: Registry[OptimizerKind] = Registry("optimizer", {"adam": Adam, "adamw": AdamW, "sgd": SGD})
