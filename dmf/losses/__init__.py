"""The losses of segmentation, by the name that loops of one's own import them under.

They lie in :mod:`dmf.tasks.segmentation.losses`; what is true of losses in general is in :mod:`dmf.terms`.
"""

from dmf.tasks.segmentation.losses import (
    LOSSES,
    CBDice,
    Combo,
    CrossEntropy,
    Focal,
    FocalTversky,
    HybridFocal,
    Loss,
    LossBank,
    MeanDice,
    MeanIoU,
    OverlapLoss,
    Prediction,
    Tversky,
    UnifiedFocal,
    UnifiedFocalSymmetric,
    build_bank,
    build_loss,
)
from dmf.terms import Parts

__all__ = [
    "LOSSES",
    "CBDice",
    "Combo",
    "CrossEntropy",
    "Focal",
    "FocalTversky",
    "HybridFocal",
    "Loss",
    "LossBank",
    "MeanDice",
    "MeanIoU",
    "OverlapLoss",
    "Parts",
    "Prediction",
    "Tversky",
    "UnifiedFocal",
    "UnifiedFocalSymmetric",
    "build_bank",
    "build_loss",
]
