"""What the losses against class imbalance share: which classes are rare, and how strongly each term counts them."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from dmf.errors import ConfigError
from dmf.tasks.segmentation.losses.prediction import Prediction, chosen

SMALLEST = 1e-6  # of one minus a ratio, below which a power is a straight line: its slope at 0 would be infinite

_RARE = re.compile(r"\d{1,3}(:\d{1,3})*")
WHAT_RARE_IS = "Class numbers with colons between, such as 1:3; empty is all but the background."


def rare_classes(text: str) -> tuple[int, ...] | None:
    """Class numbers from a text such as ``1:3``; None of an empty one, which means all but the background.

    Raises:
        ValueError: If it is something else.
    """
    if not text:
        return None
    if not _RARE.fullmatch(text):
        raise ValueError(f"rare: expected class numbers with colons between, such as 1:3, got {text!r}")
    return tuple(dict.fromkeys(int(part) for part in text.split(":")))


class RareClasses:
    """Which of the classes of a prediction are rare.

    Args:
        rare: Their numbers; None is all but the background, class 0.

    Raises:
        ConfigError: If there are none, or one is no class number.
    """

    def __init__(self, rare: Sequence[int] | None = None) -> None:
        if rare is not None and (not rare or not all(isinstance(number, int) and number >= 0 for number in rare)):
            raise ConfigError(f"`rare` must be class numbers from 0, or None, got {rare!r}.", field="rare")
        self.rare = None if rare is None else tuple(rare)

    def among(self, prediction: Prediction) -> Tensor:
        """(C,) whether each class is rare, as 0 and 1 of the type of the logits.

        With ``sigmoid``, where every channel is a class against the rest, all are, unless some are named.

        Raises:
            ConfigError: If a named class does not exist, or no class is left that is not rare.
        """
        numbers = self.numbers(prediction.classes, is_softmax=prediction.activation == "softmax")
        mask = torch.zeros(prediction.classes, dtype=prediction.logits.dtype, device=prediction.logits.device)
        mask[list(numbers)] = 1
        return mask

    def numbers(self, count: int, *, is_softmax: bool = True) -> tuple[int, ...]:
        """The numbers of the rare ones of so many classes.

        Raises:
            ConfigError: As :meth:`among`.
        """
        if self.rare is None:
            first = 1 if is_softmax else 0
            numbers = tuple(range(first, count))
        else:
            numbers = self.rare
        if max(numbers) >= count or (is_softmax and len(set(numbers)) == count):
            raise ConfigError(
                f"`rare` names the classes {':'.join(map(str, numbers))}, but there are {count}, 0 to {count - 1}. "
                "Name some of them, not all.",
                field="rare",
            )
        return numbers


def balanced_cross_entropy(
    prediction: Prediction, rare: Tensor, balance: float, focus: float, *, spare_rare: bool = False
) -> Tensor:
    r"""() cross-entropy whose rare classes count ``balance`` and the others ``1 - balance``, and easy pixels less.

    .. math:: -\frac{1}{N} \sum_n \sum_c d_c (1 - p_{nc})^g y_{nc} \log p_{nc}

    With ``sigmoid`` every channel is that of a class against the rest: its pixels count ``balance`` where it is rare.

    Args:
        prediction: Of this step.
        rare: (C,) 0 and 1.
        balance: Weight d of rare classes, 0 to 1.
        focus: Power g, at least 0.
        spare_rare: Whether pixels of rare classes are not discounted, however easy.
    """
    rare = rare.reshape(-1, *(1 for _ in prediction.logits.shape[2:]))
    weights = rare * balance + (1 - rare) * (1 - balance)
    truth = prediction.onehot
    if prediction.is_soft and prediction.activation == "softmax":  # each class by itself: a pixel may be of several
        log_probs = prediction.log_probs
        losses = _discount(log_probs, focus, rare.expand_as(log_probs) if spare_rare else None) * log_probs
        return -prediction.mean(chosen(losses, truth * weights))
    log_prob = prediction.log_prob_true
    if prediction.activation == "sigmoid":  # what is not of a channel's class is of the rest
        weight = truth * weights + (1 - truth) * (1 - weights)
        is_rare = truth * rare + (1 - truth) * (1 - rare)
    else:
        weight, is_rare = (truth * weights).sum(1), (truth * rare).sum(1)
    losses = weight * _discount(log_prob, focus, is_rare if spare_rare else None) * log_prob
    return -prediction.mean(prediction.valid(losses))


def _discount(log_prob: Tensor, focus: float, spared: Tensor | None) -> Tensor:
    """(1 - p)**focus, 1 where ``spared``; the slope stays finite at p = 1."""
    if focus == 0:
        return torch.ones_like(log_prob)
    # expm1 keeps 1 - p exact near 0; the clamp keeps the slope of x**focus finite there for a focus below 1.
    discount = (-torch.expm1(log_prob)).clamp_min(torch.finfo(log_prob.dtype).eps).pow(focus)
    return discount if spared is None else torch.where(spared > 0, 1, discount)


def emphasised(ratios: Tensor, focus: float) -> Tensor:
    """``(1 - ratio) ** (1 - focus)``: what is missed of nearly complete overlaps counts more, the larger ``focus`` is.

    Below :data:`SMALLEST` it goes to 0 in a straight line, because the power's slope there has no bound.
    """
    missed = 1 - ratios
    return missed if focus == 0 else missed * missed.clamp_min(SMALLEST).pow(-focus)
