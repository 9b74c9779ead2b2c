"""Losses of image synthesis, all from one shared :class:`SynthesisPrediction` per step.

To add one: a file here, a line in :data:`SYNTHESIS_LOSSES`, a test of its value by hand and against another library.
"""

from dmf.registry import Registry
from dmf.tasks.synthesis.losses.absolute import AbsoluteError
from dmf.tasks.synthesis.losses.base import SynthesisLoss
from dmf.tasks.synthesis.losses.charbonnier import Charbonnier
from dmf.tasks.synthesis.losses.frequency import FrequencyMagnitude
from dmf.tasks.synthesis.losses.gradient import GradientDifference
from dmf.tasks.synthesis.losses.ms_ssim import MultiScaleSSIM
from dmf.tasks.synthesis.losses.squared import SquaredError
from dmf.tasks.synthesis.losses.ssim import SSIM
from dmf.tasks.synthesis.losses.total_variation import TotalVariation

__all__ = [
    "SSIM",
    "SYNTHESIS_LOSSES",
    "AbsoluteError",
    "Charbonnier",
    "FrequencyMagnitude",
    "GradientDifference",
    "MultiScaleSSIM",
    "SquaredError",
    "SynthesisLoss",
    "TotalVariation",
]

SYNTHESIS_LOSSES: Registry[SynthesisLoss] = Registry(
    "loss",
    {
        "l1": AbsoluteError,
        "l2": SquaredError,
        "charbonnier": Charbonnier,
        "ssim": SSIM,
        "ms-ssim": MultiScaleSSIM,
        "gradient": GradientDifference,
        "frequency": FrequencyMagnitude,
        "tv": TotalVariation,
    },
)
