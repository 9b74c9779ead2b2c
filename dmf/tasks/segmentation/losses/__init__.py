"""Segmentation losses: soft, differentiable, from one shared :class:`Prediction` per step.

To add one: a file here, which also declares its options, a line in :data:`LOSSES`, a test of its value by hand, of
its best and of its worst case.
"""

from collections.abc import Sequence
from typing import Any

from dmf.config import FusionConfig
from dmf.errors import ConfigError, UnknownNameError
from dmf.options import Choice
from dmf.records import IGNORE
from dmf.registry import Registry, unknown
from dmf.tasks.segmentation.losses.bank import LossBank, Parts
from dmf.tasks.segmentation.losses.base import Loss
from dmf.tasks.segmentation.losses.cb_dice import CBDice
from dmf.tasks.segmentation.losses.ce import CrossEntropy
from dmf.tasks.segmentation.losses.combo import Combo
from dmf.tasks.segmentation.losses.dice import MeanDice
from dmf.tasks.segmentation.losses.focal import Focal
from dmf.tasks.segmentation.losses.focal_tversky import FocalTversky
from dmf.tasks.segmentation.losses.hybrid_focal import HybridFocal
from dmf.tasks.segmentation.losses.iou import MeanIoU
from dmf.tasks.segmentation.losses.overlap import OverlapLoss
from dmf.tasks.segmentation.losses.prediction import Prediction
from dmf.tasks.segmentation.losses.tversky import Tversky
from dmf.tasks.segmentation.losses.unified_focal import UnifiedFocal, UnifiedFocalSymmetric
from dmf.terms import Loss as _GeneralLoss

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

LOSSES: Registry[_GeneralLoss[Any]] = Registry(
    "loss",
    {
        "ce": CrossEntropy,
        "iou": MeanIoU,
        "dice": MeanDice,
        "focal": Focal,
        "tversky": Tversky,
        "cb-dice": CBDice,
        "focal-tversky": FocalTversky,
        "hybrid-focal": HybridFocal,
        "combo": Combo,
        "unified-focal": UnifiedFocal,
        "unified-focal-symmetric": UnifiedFocalSymmetric,
    },
)


def build_loss(
    loss: Choice | str, config: FusionConfig | None = None, class_ratios: Sequence[float] | None = None
) -> Loss:
    """A loss with its options.

    Args:
        loss: A name of :data:`LOSSES`, with what differs from the defaults.
        config: Where options that the choice does not say stand by their words; at their default where it is None.
        class_ratios: (C,) share of each class in the pixels of the training set; needed for ``cb_ratios="dataset"``.

    Raises:
        UnknownNameError: If no loss has this name.
        ConfigError: If its options cannot work.
    """
    choice = Choice.model_validate(loss)
    loss_class = _class(choice.name, "terms")
    model = loss_class.declares
    words = model.words()
    common = {} if config is None else {word: getattr(config, word) for word in words.values()}
    own = {words.get(option, option): value for option, value in choice.options.items()}
    return loss_class.from_options(model.of_words(common | own), class_ratios)


def build_bank(
    config: FusionConfig, class_ratios: Sequence[float] | None = None, ignore: int | None = IGNORE
) -> LossBank:
    """The loss terms and the auxiliary loss that ``config`` names.

    Args:
        config: The fusion.
        class_ratios: (C,) share of each class in the pixels of the training set; needed for ``cb_ratios="dataset"``.
        ignore: Value of void pixels in targets; None where there are none.

    Raises:
        UnknownNameError: If a name is not a loss.
        ConfigError: If options cannot work, or hard counts would leave every loss without gradient.
    """
    auxiliaries = () if config.auxiliary.name == "none" else (config.auxiliary,)
    for loss in auxiliaries:
        _class(loss.name, "auxiliary", ("none",))  # raises
    terms = {
        name: build_loss(term, class_ratios=class_ratios)
        for name, term in zip(config.term_names, config.terms, strict=True)
    }
    auxiliary = next((build_loss(loss, class_ratios=class_ratios) for loss in auxiliaries), None)
    built = [*terms.values(), *([] if auxiliary is None else [auxiliary])]
    if config.loss_counts == "hard" and all(loss.uses_counts for loss in built):
        raise ConfigError(
            f"loss_counts='hard' leaves {', '.join(loss.name for loss in (*config.terms, *auxiliaries))} without "
            "gradient, so nothing "
            "would be learned. Add a term with gradient (ce or focal), or choose loss_counts='soft'.",
            field="loss_counts",
        )
    return LossBank(terms, auxiliary, config.loss_counts, ignore)


def _class(name: str, field: str, others: Sequence[str] = ()) -> type[Loss]:
    if name not in LOSSES:
        raise UnknownNameError(unknown("loss", name, dict.fromkeys((*others, *LOSSES))), field)
    return LOSSES[name]  # type: ignore[return-value]  # its members are classes
