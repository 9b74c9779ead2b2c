"""Adaptive multi-loss weighting: losses, weighting rules, fusion, lockstep training, run store and replay.

What a training loop of one's own names is here as well: ``from dmf import Fusion, LossBank, record``. It is loaded when
it is first asked for, so that ``import dmf`` loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmf.fusion import Fused, Fusion, Losses
    from dmf.losses import LOSSES, Loss, LossBank
    from dmf.recording import Recording, RunStoppedError, record
    from dmf.runs import RunStore
    from dmf.weighting import WEIGHTINGS, Weighting

__version__ = "0.1.0"

__all__ = [
    "LOSSES",
    "WEIGHTINGS",
    "Fused",
    "Fusion",
    "Loss",
    "LossBank",
    "Losses",
    "Recording",
    "RunStoppedError",
    "RunStore",
    "Weighting",
    "__version__",
    "record",
]

_ROOMS = {
    "dmf.fusion": ("Fused", "Fusion", "Losses"),
    "dmf.losses": ("LOSSES", "Loss", "LossBank"),
    "dmf.recording": ("Recording", "RunStoppedError", "record"),
    "dmf.runs": ("RunStore",),
    "dmf.weighting": ("WEIGHTINGS", "Weighting"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

if not TYPE_CHECKING:  # a type checker would take any name for one that exists

    def __getattr__(name):
        if name not in _ROOM_OF:
            raise AttributeError(f"module 'dmf' has no attribute {name!r}")
        value = getattr(import_module(_ROOM_OF[name]), name)
        globals()[name] = value  # the next time it is found without asking
        return value

    def __dir__():
        return sorted({*globals(), *__all__})
