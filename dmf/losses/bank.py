"""Several losses of one step, computed together."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.losses.base import Loss
from dmf.losses.prediction import Activation, Counts, Prediction
from dmf.records import IGNORE


@dataclass(frozen=True)
class Parts:
    """The losses of one step, with gradient.

    Attributes:
        terms: (K,) the losses L1..LK.
        auxiliary: () the auxiliary loss before its weight, or None without one.
        logits: The network's output the losses were computed from, for weightings that ask for it.
    """

    terms: Tensor
    auxiliary: Tensor | None = None
    logits: Tensor | None = None


class LossBank(nn.Module):
    """Computes K loss terms and an auxiliary loss from one shared :class:`Prediction`.

    Any outside module that maps ``(logits, target)`` to a scalar can be a term::

        bank = LossBank({"ce": CrossEntropy(), "lovasz": smp.losses.LovaszLoss("multiclass")})

    It is given the logits as float32 at least, and the target as class numbers (B, H, W). If it has an
    ``ignore_index``, void pixels hold that number.

    Args:
        terms: Name to loss, in the order of L1..LK. At least one.
        auxiliary: The auxiliary loss, if any.
        counts: ``soft`` or ``hard`` counts in our overlap losses; see :class:`Prediction`.
        ignore: Value of void pixels, which count in no loss; None where there are none. See :class:`Prediction`.
        activation: ``softmax``, or ``sigmoid`` for targets of several classes per pixel; see :class:`Prediction`.

    Shape:
        - logits: (B, C, H, W) or (B, C, D, H, W), floating; target: the same without C, int64.
        - returns: ``Parts`` with terms (K,) and auxiliary () or None.

    Raises:
        ConfigError: If there is no term, logits or target are not as above, a loss returns anything but a scalar, or
            an outside loss cannot leave out the void pixels that there are (looked for on the CPU only).
    """

    def __init__(
        self,
        terms: Mapping[str, nn.Module],
        auxiliary: nn.Module | None = None,
        counts: Counts = "soft",
        ignore: int | None = IGNORE,
        activation: Activation = "softmax",
    ) -> None:
        super().__init__()
        if not terms:
            raise ConfigError("A LossBank needs at least one loss term.", field="terms")
        self.names = tuple(terms)
        self.terms = nn.ModuleList(terms.values())
        self.auxiliary = auxiliary
        self.counts = counts
        self.ignore = ignore
        self.activation: Activation = activation

    def forward(self, logits: Tensor, target: Tensor) -> Parts:
        prediction = Prediction(logits, target, counts=self.counts, ignore=self.ignore, activation=self.activation)
        terms = [_value(name, loss, prediction) for name, loss in zip(self.names, self.terms, strict=True)]
        auxiliary = None if self.auxiliary is None else _value("auxiliary", self.auxiliary, prediction)
        return Parts(torch.stack(terms), auxiliary, logits)


def _value(name: str, loss: nn.Module, prediction: Prediction) -> Tensor:
    value = (
        loss(prediction) if isinstance(loss, Loss) else loss(prediction.logits, _outside_target(name, loss, prediction))
    )
    if not isinstance(value, Tensor) or value.ndim != 0:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ConfigError(
            f"Loss {name!r} ({type(loss).__name__}) must return a scalar tensor of shape (), got {got}. "
            "Let it average over batch and pixels, for many losses with reduction='mean'.",
            field="terms",
        )
    return value


def _outside_target(name: str, loss: nn.Module, prediction: Prediction) -> Tensor:
    """The target, with void pixels as a loss of another library knows them."""
    if prediction.void is None:
        return prediction.target
    index = getattr(loss, "ignore_index", None)
    if isinstance(index, int) and not prediction.is_soft:
        return prediction.target.masked_fill(prediction.void, index)
    if prediction.void.device.type == "cpu":  # elsewhere it is not known whether there are any
        raise ConfigError(
            f"Loss {name!r} ({type(loss).__name__}) has no `ignore_index`, so it would count the void pixels of this "
            "target. Give it one, or take a loss that leaves pixels out.",
            field="terms",
        )
    return prediction.target
