"""Weightings: rules that set the weights of several losses while a network learns.

To add one: a file here, which also declares its options, a line in :data:`WEIGHTINGS`, a test of its value by hand.
"""

import torch

from dmf.config import FusionConfig
from dmf.registry import Registry
from dmf.weighting.aggregators import (
    AlignedMTLWeighting,
    DualProjWeighting,
    GramianWeighting,
    IMTLGWeighting,
    MGDAWeighting,
    PCGradWeighting,
    UPGradWeighting,
)
from dmf.weighting.base import Combined, StepState, Weighting
from dmf.weighting.bayesian import BayesianWeighting
from dmf.weighting.cov import CoVWeighting
from dmf.weighting.dwa import DWAWeighting
from dmf.weighting.famo import FAMOWeighting
from dmf.weighting.fixed import FixedWeighting
from dmf.weighting.geometric import GeometricWeighting
from dmf.weighting.gradient import GradientWeighting, gradients, gramian
from dmf.weighting.gradnorm import GradNormWeighting
from dmf.weighting.history import LossHistory
from dmf.weighting.imtl_l import IMTLLWeighting
from dmf.weighting.learned import LearnedWeighting
from dmf.weighting.mad import MADWeighting
from dmf.weighting.random import RandomWeighting
from dmf.weighting.running import RunningWeighting, ScalarizingWeighting
from dmf.weighting.softadapt import SoftAdaptWeighting
from dmf.weighting.stepping import step_through
from dmf.weighting.tchebycheff import TchebycheffWeighting
from dmf.weighting.uncertainty import UncertaintyWeighting
from dmf.weighting.variance import VarianceWeighting
from dmf.weighting.window import WindowWeighting

__all__ = [
    "WEIGHTINGS",
    "AlignedMTLWeighting",
    "BayesianWeighting",
    "CoVWeighting",
    "Combined",
    "DWAWeighting",
    "DualProjWeighting",
    "FAMOWeighting",
    "FixedWeighting",
    "GeometricWeighting",
    "GradNormWeighting",
    "GradientWeighting",
    "GramianWeighting",
    "IMTLGWeighting",
    "IMTLLWeighting",
    "LearnedWeighting",
    "LossHistory",
    "MADWeighting",
    "MGDAWeighting",
    "PCGradWeighting",
    "RandomWeighting",
    "RunningWeighting",
    "ScalarizingWeighting",
    "SoftAdaptWeighting",
    "StepState",
    "TchebycheffWeighting",
    "UPGradWeighting",
    "UncertaintyWeighting",
    "VarianceWeighting",
    "Weighting",
    "WindowWeighting",
    "build_weighting",
    "gradients",
    "gramian",
    "step_through",
]

WEIGHTINGS: Registry[Weighting] = Registry(
    "weighting",
    {
        "fixed": FixedWeighting,
        "variance": VarianceWeighting,
        "mad": MADWeighting,
        "bayesian": BayesianWeighting,
        "cov": CoVWeighting,
        "softadapt": SoftAdaptWeighting,
        "dwa": DWAWeighting,
        "random": RandomWeighting,
        "geometric": GeometricWeighting,
        "tchebycheff": TchebycheffWeighting,
        "famo": FAMOWeighting,
        "uncertainty": UncertaintyWeighting,
        "imtl-l": IMTLLWeighting,
        "gradnorm": GradNormWeighting,
        "upgrad": UPGradWeighting,
        "mgda": MGDAWeighting,
        "pcgrad": PCGradWeighting,
        "imtl-g": IMTLGWeighting,
        "aligned-mtl": AlignedMTLWeighting,
        "dualproj": DualProjWeighting,
    },
)


def build_weighting(config: FusionConfig, dtype: torch.dtype = torch.float64) -> Weighting:
    """The weighting that ``config`` names, fresh, with the options it takes.

    Raises:
        UnknownNameError: If no weighting has this name.
        ConfigError: If an option does not fit.
    """
    options = config.options("weighting")
    return WEIGHTINGS.build(config.weighting.name, len(config.terms), dtype=dtype, **options.by_word)
