"""Training: the lockstep loop and what one run owns. Knows no store and no page."""

from dmf.training.gradients import GradientProbe
from dmf.training.lockstep import Lockstep, Plan
from dmf.training.numerics import Numerics
from dmf.training.run import TrainingRun

__all__ = ["GradientProbe", "Lockstep", "Numerics", "Plan", "TrainingRun"]
